"""Fees that were paid twice, and payments that a bank took back."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0100"
branch_labels = None
depends_on = None

LIVE = "status IN ('pending', 'active', 'past_due')"


def upgrade() -> None:
    op.add_column(
        "fee_subscriptions", sa.Column("duplicate_of_id", sa.Uuid(), nullable=True)
    )
    op.create_foreign_key(
        op.f("fk_fee_subscriptions_duplicate_of_id_fee_subscriptions"),
        "fee_subscriptions",
        "fee_subscriptions",
        ["duplicate_of_id"],
        ["id"],
    )
    op.add_column(
        "fee_invoices",
        sa.Column(
            "taken_back_minor", sa.BigInteger(), server_default="0", nullable=False
        ),
    )
    op.drop_index("uq_fee_subscriptions_live", table_name="fee_subscriptions")
    op.create_index(
        "uq_fee_subscriptions_live",
        "fee_subscriptions",
        ["enrollment_id"],
        unique=True,
        postgresql_where=sa.text(f"{LIVE} AND duplicate_of_id IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("uq_fee_subscriptions_live", table_name="fee_subscriptions")
    op.create_index(
        "uq_fee_subscriptions_live",
        "fee_subscriptions",
        ["enrollment_id"],
        unique=True,
        postgresql_where=sa.text(LIVE),
    )
    op.drop_column("fee_invoices", "taken_back_minor")
    op.drop_column("fee_subscriptions", "duplicate_of_id")
