"""Threads: questions of partners about a statement, and the answers of finance."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import append_only, grant

revision = "0140"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "threads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("spoke_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(status = 'resolved') = (resolved_at IS NOT NULL)",
            name=op.f("ck_threads_resolved_at_a_moment"),
        ),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (resolved_by_id IS NULL)",
            name=op.f("ck_threads_resolved_by_somebody"),
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["statements.id"],
            name=op.f("fk_threads_statement_id_statements"),
        ),
        sa.ForeignKeyConstraint(
            ["statement_id", "position"],
            ["statement_lines.statement_id", "statement_lines.position"],
            name="fk_threads_line",
        ),
        sa.ForeignKeyConstraint(
            ["resolved_by_id"],
            ["users.id"],
            name=op.f("fk_threads_resolved_by_id_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_threads")),
        sa.UniqueConstraint(
            "statement_id", "form_id", name=op.f("uq_threads_statement_id_form_id")
        ),
    )
    op.create_index(
        "uq_threads_one_open",
        "threads",
        ["statement_id", sa.text("coalesce(position, 0)")],
        unique=True,
        postgresql_where=sa.text("status <> 'resolved'"),
    )
    op.create_index("ix_threads_page", "threads", ["spoke_at", "id"])
    grant(
        op,
        "threads",
        "SELECT, INSERT, UPDATE (status, spoke_at, resolved_at, resolved_by_id)",
    )
    op.create_table(
        "thread_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("from_staff", sa.Boolean(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "text <> ''", name=op.f("ck_thread_messages_says_something")
        ),
        sa.ForeignKeyConstraint(
            ["thread_id"],
            ["threads.id"],
            name=op.f("fk_thread_messages_thread_id_threads"),
        ),
        sa.ForeignKeyConstraint(
            ["author_id"],
            ["users.id"],
            name=op.f("fk_thread_messages_author_id_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thread_messages")),
        sa.UniqueConstraint(
            "thread_id", "form_id", name=op.f("uq_thread_messages_thread_id_form_id")
        ),
    )
    grant(op, "thread_messages", "SELECT, INSERT")
    append_only(op, "thread_messages")
    op.create_table(
        "thread_adjustments",
        sa.Column("adjustment_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["adjustment_id"],
            ["adjustments.id"],
            name=op.f("fk_thread_adjustments_adjustment_id_adjustments"),
        ),
        sa.ForeignKeyConstraint(
            ["thread_id"],
            ["threads.id"],
            name=op.f("fk_thread_adjustments_thread_id_threads"),
        ),
        sa.PrimaryKeyConstraint("adjustment_id", name=op.f("pk_thread_adjustments")),
    )
    op.create_index(
        op.f("ix_thread_adjustments_thread_id"), "thread_adjustments", ["thread_id"]
    )
    grant(op, "thread_adjustments", "SELECT, INSERT")


def downgrade() -> None:
    for table in ("thread_adjustments", "thread_messages", "threads"):
        op.drop_table(table)
