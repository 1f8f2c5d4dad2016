"""The switch that stops payouts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.roles import grant

revision = "0100"
down_revision = "0080"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payout_freezes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("findings", postgresql.JSONB(), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_by_id", sa.Uuid(), nullable=True),
        sa.Column("thawed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("thawed_by_id", sa.Uuid(), nullable=True),
        sa.Column("thaw_reason", sa.String(), nullable=False),
        sa.CheckConstraint("reason <> ''", name=op.f("ck_payout_freezes_has_reason")),
        sa.CheckConstraint(
            "(thawed_at IS NULL) = (thaw_reason = '')",
            name=op.f("ck_payout_freezes_thawed_for_a_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["frozen_by_id"],
            ["users.id"],
            name=op.f("fk_payout_freezes_frozen_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["thawed_by_id"],
            ["users.id"],
            name=op.f("fk_payout_freezes_thawed_by_id_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_freezes")),
    )
    op.create_index(
        "uq_payout_freezes_one",
        "payout_freezes",
        [sa.text("(thawed_at IS NULL)")],
        unique=True,
        postgresql_where=sa.text("thawed_at IS NULL"),
    )
    grant(
        op,
        "payout_freezes",
        "SELECT, INSERT, UPDATE (thawed_at, thawed_by_id, thaw_reason)",
    )


def downgrade() -> None:
    op.drop_table("payout_freezes")
