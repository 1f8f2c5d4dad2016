"""Courses; certificates that hide their holder; answers that two windows share."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import append_only, grant

revision = "0080"
down_revision = "0061"
branch_labels = None
depends_on = None

ADDED = (
    ("certificates", "hides_holder", sa.Boolean(), "false"),
    ("attempt_questions", "version", sa.Integer(), "0"),
)


def _content():
    return (
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("video_url", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
    )


def upgrade() -> None:
    for table, name, kind, filling in ADDED:
        op.add_column(
            table, sa.Column(name, kind, nullable=False, server_default=filling)
        )
        op.alter_column(table, name, server_default=None)
    op.create_table(
        "lessons",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("certification_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        *_content(),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("published_number", sa.Integer(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["certification_id"],
            ["certifications.id"],
            name=op.f("fk_lessons_certification_id_certifications"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lessons")),
        sa.UniqueConstraint(
            "certification_id", "key", name=op.f("uq_lessons_certification_id_key")
        ),
        sa.UniqueConstraint(
            "certification_id",
            "position",
            name=op.f("uq_lessons_certification_id_position"),
            deferrable=True,
            initially="DEFERRED",
        ),
    )
    op.create_table(
        "lesson_versions",
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        *_content(),
        sa.Column("counts_from", sa.Integer(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["lesson_id"],
            ["lessons.id"],
            name=op.f("fk_lesson_versions_lesson_id_lessons"),
        ),
        sa.ForeignKeyConstraint(
            ["published_by_id"],
            ["users.id"],
            name=op.f("fk_lesson_versions_published_by_id_users"),
        ),
        sa.PrimaryKeyConstraint("lesson_id", "number", name=op.f("pk_lesson_versions")),
    )
    op.create_table(
        "lesson_reads",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("lesson_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["lesson_id", "number"],
            ["lesson_versions.lesson_id", "lesson_versions.number"],
            name=op.f("fk_lesson_reads_lesson_id_number_lesson_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_lesson_reads_user_id_users")
        ),
        sa.PrimaryKeyConstraint(
            "user_id", "lesson_id", "number", name=op.f("pk_lesson_reads")
        ),
    )
    op.create_index(
        op.f("ix_lesson_reads_lesson_id"), "lesson_reads", ["lesson_id"], unique=False
    )
    grant(op, "lessons", "SELECT, INSERT, UPDATE")
    for table in ("lesson_versions", "lesson_reads"):
        grant(op, table, "SELECT, INSERT")
        append_only(op, table)


def downgrade() -> None:
    for table in ("lesson_reads", "lesson_versions", "lessons"):
        op.drop_table(table)
    for table, name, _kind, _filling in reversed(ADDED):
        op.drop_column(table, name)
