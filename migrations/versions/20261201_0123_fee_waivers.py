"""Fees that staff waive until a day."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import grant

revision = "0123"
down_revision = "0122"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fee_waivers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by_id", sa.Uuid(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("from_at < until_at", name=op.f("ck_fee_waivers_order")),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_fee_waivers_enrollment_id_enrollments"),
        ),
        sa.ForeignKeyConstraint(
            ["set_by_id"], ["users.id"], name=op.f("fk_fee_waivers_set_by_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["ended_by_id"], ["users.id"], name=op.f("fk_fee_waivers_ended_by_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_waivers")),
    )
    op.create_index(
        op.f("ix_fee_waivers_enrollment_id"), "fee_waivers", ["enrollment_id"]
    )
    grant(op, "fee_waivers", "SELECT, INSERT, UPDATE")


def downgrade() -> None:
    op.drop_table("fee_waivers")
