"""Documents of applications, their score, and what the rules made of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.roles import grant

revision = "0060"
down_revision = "0091"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("applications", sa.Column("score", sa.Integer(), nullable=True))
    op.add_column(
        "applications",
        sa.Column(
            "findings",
            postgresql.JSONB(),
            nullable=False,
            server_default=sa.text("'{}'"),
        ),
    )
    op.alter_column("applications", "findings", server_default=None)
    op.create_table(
        "application_documents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("question_key", sa.String(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sent_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("size > 0", name=op.f("ck_application_documents_size")),
        sa.CheckConstraint(
            "length(sent_sha256) = 32",
            name=op.f("ck_application_documents_sent_sha256"),
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["applications.id"],
            name=op.f("fk_application_documents_application_id_applications"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["message_id"],
            ["application_messages.id"],
            name=op.f("fk_application_documents_message_id_application_messages"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_documents")),
    )
    for column in ("application_id", "sent_sha256"):
        op.create_index(
            op.f(f"ix_application_documents_{column}"),
            "application_documents",
            [column],
        )
    # The bytes are packed already: the database need not try again.
    op.execute("ALTER TABLE application_documents ALTER content SET STORAGE EXTERNAL")
    grant(op, "application_documents", "SELECT, INSERT, DELETE")


def downgrade() -> None:
    op.drop_table("application_documents")
    op.drop_column("applications", "findings")
    op.drop_column("applications", "score")
