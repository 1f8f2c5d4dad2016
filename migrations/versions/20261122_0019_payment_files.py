"""Payout accounts, and batches of payouts with the files that banks read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.roles import grant

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payout_accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("last_four", sa.String(length=4), nullable=False),
        sa.Column("details", sa.String(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by_id", sa.Uuid(), nullable=False),
        sa.Column("usable_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "usable_from >= added_at", name=op.f("ck_payout_accounts_usable_from")
        ),
        sa.ForeignKeyConstraint(
            ["added_by_id"],
            ["users.id"],
            name=op.f("fk_payout_accounts_added_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.id"],
            name=op.f("fk_payout_accounts_partner_id_partners"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_accounts")),
    )
    op.create_index(
        op.f("ix_payout_accounts_partner_id"),
        "payout_accounts",
        ["partner_id"],
        unique=False,
    )
    op.create_index(
        "uq_payout_accounts_current",
        "payout_accounts",
        ["partner_id", "kind"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "payout_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), sa.Identity(always=True), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("format", sa.String(40), nullable=False),
        sa.Column("pay_on", sa.Date(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("four_eyes", sa.Boolean(), nullable=False),
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("made_by_id", sa.Uuid(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by_id", sa.Uuid(), nullable=True),
        sa.Column("file", sa.String(), nullable=True),
        sa.Column("file_sha256", sa.String(length=64), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_by_id", sa.Uuid(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint(
            "(status IN ('sent', 'settled')) = (sent_at IS NOT NULL)",
            name=op.f("ck_payout_batches_sent_at"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('approved', 'sent', 'settled') OR approved_at IS NOT NULL",
            name=op.f("ck_payout_batches_approved_first"),
        ),
        sa.CheckConstraint(
            "(approved_at IS NULL) = (file IS NULL)",
            name=op.f("ck_payout_batches_file_once_approved"),
        ),
        sa.CheckConstraint(
            "NOT four_eyes OR approved_by_id IS NULL OR approved_by_id <> made_by_id",
            name=op.f("ck_payout_batches_four_eyes"),
        ),
        sa.ForeignKeyConstraint(
            ["approved_by_id"],
            ["users.id"],
            name=op.f("fk_payout_batches_approved_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["made_by_id"],
            ["users.id"],
            name=op.f("fk_payout_batches_made_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["sent_by_id"],
            ["users.id"],
            name=op.f("fk_payout_batches_sent_by_id_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_batches")),
        sa.UniqueConstraint("form_id", name=op.f("uq_payout_batches_form_id")),
        sa.UniqueConstraint("number", name=op.f("uq_payout_batches_number")),
    )
    op.create_index(
        "ix_payout_batches_page", "payout_batches", ["made_at", "id"], unique=False
    )
    op.create_table(
        "payout_batch_rows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("end_to_end_id", sa.String(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("program_id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("statements", postgresql.JSONB(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint(
            "amount_minor > 0", name=op.f("ck_payout_batch_rows_positive")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["payout_accounts.id"],
            name=op.f("fk_payout_batch_rows_account_id_payout_accounts"),
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["payout_batches.id"],
            name=op.f("fk_payout_batch_rows_batch_id_payout_batches"),
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_payout_batch_rows_enrollment_id_enrollments"),
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.id"],
            name=op.f("fk_payout_batch_rows_partner_id_partners"),
        ),
        sa.ForeignKeyConstraint(
            ["program_id"],
            ["programs.id"],
            name=op.f("fk_payout_batch_rows_program_id_programs"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payout_batch_rows")),
        sa.UniqueConstraint(
            "batch_id", "position", name=op.f("uq_payout_batch_rows_batch_id_position")
        ),
        sa.UniqueConstraint(
            "end_to_end_id", name=op.f("uq_payout_batch_rows_end_to_end_id")
        ),
    )
    op.create_index(
        op.f("ix_payout_batch_rows_enrollment_id"),
        "payout_batch_rows",
        ["enrollment_id"],
        unique=False,
    )
    op.create_index(
        "ix_payout_batch_rows_partner",
        "payout_batch_rows",
        ["partner_id", "currency"],
        unique=False,
    )
    op.create_index(
        "uq_payout_batch_rows_open",
        "payout_batch_rows",
        ["enrollment_id"],
        unique=True,
        postgresql_where=sa.text("status IN ('pending', 'processing')"),
    )
    # Where money goes, how much and for what never changes; only where it stands does.
    # The encrypted columns change when the keys do.
    grant(op, "payout_accounts", "SELECT, INSERT, UPDATE (ended_at, details)")
    grant(
        op,
        "payout_batches",
        "SELECT, INSERT, UPDATE (status, approved_at, approved_by_id, file,"
        " file_sha256, sent_at, sent_by_id, note)",
    )
    grant(
        op,
        "payout_batch_rows",
        "SELECT, INSERT, UPDATE (status, sent_at, answered_at, reason)",
    )


def downgrade() -> None:
    op.drop_table("payout_batch_rows")
    op.drop_table("payout_batches")
    op.drop_table("payout_accounts")
