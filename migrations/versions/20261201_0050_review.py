"""What reviewers note about an application, and what makes two of them alike."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import append_only, grant

revision = "0050"
down_revision = "0040"
branch_labels = None
depends_on = None


def _application_key(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["application_id"],
        ["applications.id"],
        name=op.f(f"fk_{table}_application_id_applications"),
        ondelete="CASCADE" if table == "application_fingerprints" else None,
    )


def _user_key(table: str, column: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_users")
    return sa.ForeignKeyConstraint([column], ["users.id"], name=name)


def upgrade() -> None:
    for name in ("snoozed_until", "first_approved_at"):
        column = sa.Column(name, sa.DateTime(timezone=True), nullable=True)
        op.add_column("applications", column)
    for name in ("assigned_to_id", "first_approver_id"):
        op.add_column("applications", sa.Column(name, sa.Uuid(), nullable=True))
        key = op.f(f"fk_applications_{name}_users")
        op.create_foreign_key(key, "applications", "users", [name], ["id"])
    op.create_index(
        "ix_applications_status_answer_by_id",
        "applications",
        ["status", "answer_by", "id"],
    )
    op.create_table(
        "application_comments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        _application_key("application_comments"),
        _user_key("application_comments", "author_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_comments")),
    )
    op.create_index(
        op.f("ix_application_comments_application_id"),
        "application_comments",
        ["application_id"],
    )
    op.create_table(
        "application_conflicts",
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        _application_key("application_conflicts"),
        _user_key("application_conflicts", "user_id"),
        sa.PrimaryKeyConstraint(
            "user_id", "application_id", name=op.f("pk_application_conflicts")
        ),
    )
    op.create_table(
        "application_looks",
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        _application_key("application_looks"),
        _user_key("application_looks", "user_id"),
        sa.PrimaryKeyConstraint(
            "application_id", "user_id", name=op.f("pk_application_looks")
        ),
    )
    op.create_table(
        "application_fingerprints",
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        _application_key("application_fingerprints"),
        sa.PrimaryKeyConstraint(
            "application_id", "kind", "digest", name=op.f("pk_application_fingerprints")
        ),
    )
    op.create_index(
        "ix_application_fingerprints_kind_digest",
        "application_fingerprints",
        ["kind", "digest"],
    )
    for table in ("application_comments", "application_conflicts"):
        grant(op, table, "SELECT, INSERT")
        append_only(op, table)
    grant(op, "application_looks", "SELECT, INSERT, UPDATE")
    grant(op, "application_fingerprints", "SELECT, INSERT, DELETE")


def downgrade() -> None:
    for table in (
        "application_fingerprints",
        "application_looks",
        "application_conflicts",
        "application_comments",
    ):
        op.drop_table(table)
    op.drop_index("ix_applications_status_answer_by_id", "applications")
    for name in (
        "snoozed_until",
        "first_approved_at",
        "assigned_to_id",
        "first_approver_id",
    ):
        op.drop_column("applications", name)
