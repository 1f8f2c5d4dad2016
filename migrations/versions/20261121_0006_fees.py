"""Subscriptions and invoices of the entry fee."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.roles import grant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = ("fee_subscriptions", "fee_invoices")


def upgrade() -> None:
    op.create_table(
        "fee_subscriptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("tier", sa.String(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("interval", sa.String(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("stripe_checkout_id", sa.String(), nullable=True),
        sa.Column("stripe_customer_id", sa.String(), nullable=True),
        sa.Column("stripe_subscription_id", sa.String(), nullable=True),
        sa.Column("current_period_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancel_at_period_end", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "amount_minor > 0", name=op.f("ck_fee_subscriptions_positive")
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_fee_subscriptions_enrollment_id_enrollments"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_subscriptions")),
        sa.UniqueConstraint(
            "stripe_checkout_id", name=op.f("uq_fee_subscriptions_stripe_checkout_id")
        ),
        sa.UniqueConstraint(
            "stripe_subscription_id",
            name=op.f("uq_fee_subscriptions_stripe_subscription_id"),
        ),
    )
    op.create_index(
        op.f("ix_fee_subscriptions_enrollment_id"),
        "fee_subscriptions",
        ["enrollment_id"],
        unique=False,
    )
    op.create_index(
        "uq_fee_subscriptions_live",
        "fee_subscriptions",
        ["enrollment_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('pending', 'active', 'past_due')"),
    )
    op.create_table(
        "fee_invoices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("stripe_invoice_id", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("paid_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("period_start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("period_end", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("hosted_url", sa.String(), nullable=False),
        sa.Column("payment_ids", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["fee_subscriptions.id"],
            name=op.f("fk_fee_invoices_subscription_id_fee_subscriptions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_invoices")),
        sa.UniqueConstraint(
            "stripe_invoice_id", name=op.f("uq_fee_invoices_stripe_invoice_id")
        ),
    )
    op.create_index(
        op.f("ix_fee_invoices_subscription_id"),
        "fee_invoices",
        ["subscription_id"],
        unique=False,
    )
    for table in TABLES:
        grant(op, table, "SELECT, INSERT, UPDATE")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
