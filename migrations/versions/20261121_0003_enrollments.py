"""Enrollments, gate intervals and accepted agreements."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import append_only, grant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "enrollments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("program_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tier", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.id"],
            name=op.f("fk_enrollments_partner_id_partners"),
        ),
        sa.ForeignKeyConstraint(
            ["program_id"],
            ["programs.id"],
            name=op.f("fk_enrollments_program_id_programs"),
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["program_versions.id"],
            name=op.f("fk_enrollments_version_id_program_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrollments")),
        sa.UniqueConstraint(
            "partner_id",
            "program_id",
            name=op.f("uq_enrollments_partner_id_program_id"),
        ),
    )
    op.create_index(
        op.f("ix_enrollments_program_id"), "enrollments", ["program_id"], unique=False
    )
    op.create_index(
        op.f("ix_enrollments_status"), "enrollments", ["status"], unique=False
    )
    op.create_table(
        "agreement_acceptances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("text_sha256", sa.String(), nullable=False),
        sa.Column("accepted_by_id", sa.Uuid(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remote_address", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["accepted_by_id"],
            ["users.id"],
            name=op.f("fk_agreement_acceptances_accepted_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_agreement_acceptances_enrollment_id_enrollments"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_acceptances")),
        sa.UniqueConstraint(
            "enrollment_id",
            "version",
            name=op.f("uq_agreement_acceptances_enrollment_id_version"),
        ),
    )
    op.create_table(
        "gate_intervals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("gate_key", sa.String(), nullable=False),
        sa.Column("met_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("met_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_gate_intervals_enrollment_id_enrollments"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_intervals")),
    )
    op.create_index(
        op.f("ix_gate_intervals_enrollment_id"),
        "gate_intervals",
        ["enrollment_id"],
        unique=False,
    )
    op.create_index(
        "uq_gate_intervals_open",
        "gate_intervals",
        ["enrollment_id", "gate_key"],
        unique=True,
        postgresql_where=sa.text("met_until IS NULL"),
    )
    grant(op, "enrollments", "SELECT, INSERT, UPDATE")
    grant(op, "gate_intervals", "SELECT, INSERT, UPDATE")
    grant(op, "agreement_acceptances", "SELECT, INSERT")
    append_only(op, "agreement_acceptances")


def downgrade() -> None:
    for table in ("agreement_acceptances", "gate_intervals", "enrollments"):
        op.drop_table(table)
