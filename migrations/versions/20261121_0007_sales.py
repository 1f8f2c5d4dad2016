"""Customers, sales, refunds, referral links and clicks."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import append_only, grant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEPT = ("sales", "sale_references", "other_payments", "refunds")
CHANGING = ("customers", "referral_links")


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("described_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("click_reference", sa.String(), nullable=True),
        sa.Column("click_id", sa.Uuid(), nullable=True),
        sa.Column("click_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customers")),
        sa.UniqueConstraint("external_id", name=op.f("uq_customers_external_id")),
    )
    op.create_index(
        op.f("ix_customers_click_id"), "customers", ["click_id"], unique=False
    )
    op.create_table(
        "other_payments",
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("external_id", name=op.f("pk_other_payments")),
    )
    op.create_table(
        "sales",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=True),
        sa.CheckConstraint(
            "gross_minor = net_minor + tax_minor", name=op.f("ck_sales_adds_up")
        ),
        sa.CheckConstraint("gross_minor > 0", name=op.f("ck_sales_paid")),
        sa.CheckConstraint("net_minor >= 0", name=op.f("ck_sales_net")),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_sales_customer_id_customers"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales")),
        sa.UniqueConstraint("external_id", name=op.f("uq_sales_external_id")),
    )
    op.create_index(
        "ix_sales_customer_id_occurred_at",
        "sales",
        ["customer_id", "occurred_at"],
        unique=False,
    )
    op.create_index(
        op.f("ix_sales_occurred_at"), "sales", ["occurred_at"], unique=False
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("gross_minor", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(gross_minor < 0) = (kind IN ('refund_failed', 'dispute_won'))",
            name=op.f("ck_refunds_direction"),
        ),
        sa.CheckConstraint("gross_minor <> 0", name=op.f("ck_refunds_not_zero")),
        sa.ForeignKeyConstraint(
            ["sale_id"], ["sales.id"], name=op.f("fk_refunds_sale_id_sales")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("external_id", name=op.f("uq_refunds_external_id")),
    )
    op.create_index(
        op.f("ix_refunds_occurred_at"), "refunds", ["occurred_at"], unique=False
    )
    op.create_index(op.f("ix_refunds_sale_id"), "refunds", ["sale_id"], unique=False)
    op.create_table(
        "sale_references",
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sale_id"], ["sales.id"], name=op.f("fk_sale_references_sale_id_sales")
        ),
        sa.PrimaryKeyConstraint("external_id", name=op.f("pk_sale_references")),
    )
    op.create_index(
        op.f("ix_sale_references_sale_id"), "sale_references", ["sale_id"], unique=False
    )
    op.create_table(
        "referral_links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("destination_url", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_referral_links_enrollment_id_enrollments"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_referral_links")),
        sa.UniqueConstraint("code", name=op.f("uq_referral_links_code")),
    )
    op.create_index(
        op.f("ix_referral_links_enrollment_id"),
        "referral_links",
        ["enrollment_id"],
        unique=False,
    )
    op.create_table(
        "clicks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("link_id", sa.Uuid(), nullable=False),
        sa.Column("visitor", sa.String(), nullable=False),
        sa.Column("clicked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_bot", sa.Boolean(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("referrer_host", sa.String(), nullable=False),
        sa.Column("landing_url", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"],
            ["referral_links.id"],
            name=op.f("fk_clicks_link_id_referral_links"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clicks")),
    )
    op.create_index(
        "ix_clicks_link_id_clicked_at",
        "clicks",
        ["link_id", "clicked_at"],
        unique=False,
    )
    op.create_index(
        "ix_clicks_visitor_clicked_at",
        "clicks",
        ["visitor", "clicked_at"],
        unique=False,
    )
    for table in KEPT:
        grant(op, table, "SELECT, INSERT")
        append_only(op, table)
    for table in CHANGING:
        grant(op, table, "SELECT, INSERT, UPDATE")
    # Clicks are added only, too, but the owner of the tables may clean old ones up.
    grant(op, "clicks", "SELECT, INSERT")


def downgrade() -> None:
    for table in ("refunds", "other_payments", "sale_references", "sales"):
        op.drop_table(table)
    for table in ("clicks", "referral_links", "customers"):
        op.drop_table(table)
