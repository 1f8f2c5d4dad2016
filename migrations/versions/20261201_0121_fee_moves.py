"""Moves of a running fee to the price of another tier."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import grant

revision = "0121"
down_revision = "0120"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fee_moves",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("tier", sa.String(), nullable=True),
        sa.Column("from_minor", sa.BigInteger(), nullable=False),
        sa.Column("to_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "from_minor > 0 AND to_minor > 0", name=op.f("ck_fee_moves_positive")
        ),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["fee_subscriptions.id"],
            name=op.f("fk_fee_moves_subscription_id_fee_subscriptions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_moves")),
    )
    op.create_index(
        op.f("ix_fee_moves_subscription_id"), "fee_moves", ["subscription_id"]
    )
    op.create_index(
        "uq_fee_moves_open",
        "fee_moves",
        ["subscription_id"],
        unique=True,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    grant(op, "fee_moves", "SELECT, INSERT, UPDATE")


def downgrade() -> None:
    op.drop_table("fee_moves")
