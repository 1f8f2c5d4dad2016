"""Tiers: recorded facts, and levels that staff set by hand."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import append_only, grant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tier_facts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("fact", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_tier_facts_enrollment_id_enrollments"),
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by_id"],
            ["users.id"],
            name=op.f("fk_tier_facts_recorded_by_id_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_facts")),
    )
    op.create_index(
        op.f("ix_tier_facts_enrollment_id"), "tier_facts", ["enrollment_id"]
    )
    op.create_table(
        "tier_overrides",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("set_by_id", sa.Uuid(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["ended_by_id"],
            ["users.id"],
            name=op.f("fk_tier_overrides_ended_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_tier_overrides_enrollment_id_enrollments"),
        ),
        sa.ForeignKeyConstraint(
            ["set_by_id"],
            ["users.id"],
            name=op.f("fk_tier_overrides_set_by_id_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_overrides")),
    )
    op.create_index(
        op.f("ix_tier_overrides_enrollment_id"), "tier_overrides", ["enrollment_id"]
    )
    grant(op, "tier_facts", "SELECT, INSERT")
    append_only(op, "tier_facts")
    # An override may be ended, but never rewritten or removed.
    grant(op, "tier_overrides", "SELECT, INSERT, UPDATE (ended_at, ended_by_id)")


def downgrade() -> None:
    op.drop_table("tier_overrides")
    op.drop_table("tier_facts")
