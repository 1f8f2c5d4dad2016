"""The chain that seals the books."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import append_only, grant

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_seals",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("seq > 0", name=op.f("ck_ledger_seals_place")),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["ledger_journal_entries.id"],
            name=op.f("fk_ledger_seals_entry_id_ledger_journal_entries"),
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_seals")),
        sa.UniqueConstraint("entry_id", name=op.f("uq_ledger_seals_entry_id")),
    )
    grant(op, "ledger_seals", "SELECT, INSERT")
    append_only(op, "ledger_seals")


def downgrade() -> None:
    op.drop_table("ledger_seals")
