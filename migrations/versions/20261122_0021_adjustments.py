"""Adjustments by hand, and statement lines that show them."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import grant

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "adjustments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("proposed_by_id", sa.Uuid(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision_note", sa.String(), nullable=False),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ck_adjustments_not_zero")),
        sa.CheckConstraint(
            "(status = 'proposed') = (decided_at IS NULL)",
            name=op.f("ck_adjustments_decided_at_a_moment"),
        ),
        sa.CheckConstraint(
            "(decided_at IS NULL) = (decided_by_id IS NULL)",
            name=op.f("ck_adjustments_decided_by_somebody"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('approved', 'rejected') OR decided_by_id <> proposed_by_id",
            name=op.f("ck_adjustments_two_people"),
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_adjustments_enrollment_id_enrollments"),
        ),
        sa.ForeignKeyConstraint(
            ["proposed_by_id"],
            ["users.id"],
            name=op.f("fk_adjustments_proposed_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"],
            ["users.id"],
            name=op.f("fk_adjustments_decided_by_id_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjustments")),
    )
    op.create_index(
        "ix_adjustments_enrollment_id", "adjustments", ["enrollment_id", "proposed_at"]
    )
    op.create_index(
        "ix_adjustments_waiting",
        "adjustments",
        ["proposed_at"],
        postgresql_where=sa.text("status = 'proposed'"),
    )
    # Decided once; what was proposed is never rewritten or removed.
    grant(
        op,
        "adjustments",
        "SELECT, INSERT, UPDATE (status, decided_by_id, decided_at, decision_note)",
    )
    op.add_column("statement_lines", sa.Column("adjustment_id", sa.Uuid()))
    op.create_foreign_key(
        op.f("fk_statement_lines_adjustment_id_adjustments"),
        "statement_lines",
        "adjustments",
        ["adjustment_id"],
        ["id"],
    )
    op.create_unique_constraint(
        op.f("uq_statement_lines_adjustment_id"), "statement_lines", ["adjustment_id"]
    )
    op.drop_constraint(op.f("ck_statement_lines_rest_is_commission"), "statement_lines")
    op.create_check_constraint(
        op.f("ck_statement_lines_one_source"),
        "statement_lines",
        "num_nonnulls(commission_id, posting_id, adjustment_id) = 1",
    )
    op.create_check_constraint(
        op.f("ck_statement_lines_adjusts_by_hand"),
        "statement_lines",
        "adjustment_id IS NULL OR kind = 'adjustment'",
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_statement_lines_adjusts_by_hand"), "statement_lines")
    op.drop_constraint(op.f("ck_statement_lines_one_source"), "statement_lines")
    op.create_check_constraint(
        op.f("ck_statement_lines_rest_is_commission"),
        "statement_lines",
        "(kind = 'payout') = (commission_id IS NULL)",
    )
    op.drop_column("statement_lines", "adjustment_id")
    op.drop_table("adjustments")
