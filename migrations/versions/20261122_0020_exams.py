"""Kinds and difficulty of questions, corrected keys, extra time, renewal."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.roles import append_only, grant

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

ADDED = (
    ("certifications", "renewal_days", sa.Integer(), "60"),
    ("certifications", "topic_counts", postgresql.JSONB(), "{}"),
    ("questions", "difficulty", sa.String(40), "medium"),
    ("attempts", "extra_percent", sa.Integer(), "0"),
)


def upgrade() -> None:
    for table, name, kind, filling in ADDED:
        op.add_column(
            table, sa.Column(name, kind, nullable=False, server_default=filling)
        )
        op.alter_column(table, name, server_default=None)
    op.add_column(
        "attempt_questions", sa.Column("is_right", sa.Boolean(), nullable=True)
    )
    op.create_index(
        op.f("ix_attempt_questions_question_id"),
        "attempt_questions",
        ["question_id"],
        unique=False,
    )
    op.create_table(
        "exam_extra_times",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("granted_by_id", sa.Uuid(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["granted_by_id"],
            ["users.id"],
            name=op.f("fk_exam_extra_times_granted_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_exam_extra_times_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_exam_extra_times")),
    )
    op.create_table(
        "answer_key_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("question_id", sa.Uuid(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=False),
        sa.Column("after", postgresql.JSONB(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("changed_by_id", sa.Uuid(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["changed_by_id"],
            ["users.id"],
            name=op.f("fk_answer_key_changes_changed_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["question_id"],
            ["questions.id"],
            name=op.f("fk_answer_key_changes_question_id_questions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer_key_changes")),
    )
    op.create_index(
        op.f("ix_answer_key_changes_question_id"),
        "answer_key_changes",
        ["question_id"],
        unique=False,
    )
    op.create_table(
        "attempt_regrades",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key_change_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("right_before", sa.Integer(), nullable=False),
        sa.Column("right_after", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(40), nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"],
            ["attempts.id"],
            name=op.f("fk_attempt_regrades_attempt_id_attempts"),
        ),
        sa.ForeignKeyConstraint(
            ["key_change_id"],
            ["answer_key_changes.id"],
            name=op.f("fk_attempt_regrades_key_change_id_answer_key_changes"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt_regrades")),
        sa.UniqueConstraint(
            "key_change_id",
            "attempt_id",
            name=op.f("uq_attempt_regrades_key_change_id_attempt_id"),
        ),
    )
    op.create_index(
        op.f("ix_attempt_regrades_attempt_id"),
        "attempt_regrades",
        ["attempt_id"],
        unique=False,
    )
    grant(op, "exam_extra_times", "SELECT, INSERT, UPDATE")
    for table in ("answer_key_changes", "attempt_regrades"):
        grant(op, table, "SELECT, INSERT")
        append_only(op, table)


def downgrade() -> None:
    for table in ("attempt_regrades", "answer_key_changes", "exam_extra_times"):
        op.drop_table(table)
    op.drop_index(op.f("ix_attempt_questions_question_id"), "attempt_questions")
    op.drop_column("attempt_questions", "is_right")
    for table, name, _kind, _filling in reversed(ADDED):
        op.drop_column(table, name)
