"""Customers whom a partner no longer looks after."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import grant

revision = "0150"
down_revision = "0130"
branch_labels = None
depends_on = None

_POINTS_TO = (
    ("enrollment_id", "enrollments"),
    ("customer_id", "customers"),
    ("noted_by_id", "users"),
)


def upgrade() -> None:
    op.create_table(
        "unmanaged_customers",
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("unmanaged_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("noted_by_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "reason <> ''", name=op.f("ck_unmanaged_customers_has_reason")
        ),
        *(
            sa.ForeignKeyConstraint(
                [column],
                [f"{table}.id"],
                name=op.f(f"fk_unmanaged_customers_{column}_{table}"),
            )
            for column, table in _POINTS_TO
        ),
        sa.PrimaryKeyConstraint(
            "enrollment_id", "customer_id", name=op.f("pk_unmanaged_customers")
        ),
    )
    grant(op, "unmanaged_customers", "SELECT, INSERT, UPDATE, DELETE")


def downgrade() -> None:
    op.drop_table("unmanaged_customers")
