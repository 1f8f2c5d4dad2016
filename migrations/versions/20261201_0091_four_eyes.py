"""A close that one person proposes and another confirms."""

import sqlalchemy as sa
from alembic import op

revision = "0091"
down_revision = "0090"
branch_labels = None
depends_on = None

CHECKS = {
    "proposed_by_somebody": "(proposed_by_id IS NULL) = (proposed_at IS NULL)",
    "two_people": (
        "NOT four_eyes OR status = 'open' OR (proposed_by_id IS NOT NULL"
        " AND closed_by_id IS NOT NULL AND closed_by_id <> proposed_by_id)"
    ),
}


def upgrade() -> None:
    op.add_column(
        "periods",
        sa.Column("four_eyes", sa.Boolean(), nullable=False, server_default="false"),
    )
    op.add_column("periods", sa.Column("proposed_by_id", sa.Uuid()))
    op.add_column("periods", sa.Column("proposed_at", sa.DateTime(timezone=True)))
    op.add_column(
        "periods",
        sa.Column(
            "proposed_figures", sa.String(length=64), nullable=False, server_default=""
        ),
    )
    for column in ("four_eyes", "proposed_figures"):
        op.alter_column("periods", column, server_default=None)
    op.create_foreign_key(
        op.f("fk_periods_proposed_by_id_users"),
        "periods",
        "users",
        ["proposed_by_id"],
        ["id"],
    )
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_periods_{name}"), "periods", condition)


def downgrade() -> None:
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_periods_{name}"), "periods")
    for column in ("proposed_figures", "proposed_at", "proposed_by_id", "four_eyes"):
        op.drop_column("periods", column)
