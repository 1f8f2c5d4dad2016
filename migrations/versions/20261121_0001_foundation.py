"""People, audit trail, outbox, partners, inbox, books and the job queue."""

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects import postgresql

from migrations.roles import append_only, grant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


REFUSE_REWRITE = """
CREATE FUNCTION refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""

# On entries too: an entry without any posting would balance otherwise unseen.
REFUSE_UNBALANCED = """
CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entry uuid := CASE TG_TABLE_NAME
    WHEN 'ledger_postings' THEN (to_jsonb(NEW) ->> 'entry_id')::uuid ELSE NEW.id END;
BEGIN
  IF (SELECT count(*) FROM ledger_postings WHERE entry_id = entry) < 2
     OR EXISTS (SELECT FROM ledger_postings WHERE entry_id = entry
                GROUP BY currency HAVING sum(amount_minor) <> 0) THEN
    RAISE EXCEPTION 'journal entry % does not balance', entry
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("""
        DO $$ BEGIN
          IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'portal_app') THEN
            CREATE ROLE portal_app LOGIN;
          END IF;
        END $$
    """)
    op.execute("GRANT USAGE ON SCHEMA public TO portal_app")
    op.execute(REFUSE_REWRITE)
    op.execute(REFUSE_UNBALANCED)
    op.create_table(
        "inbox_events",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("parked_for", sa.String(), nullable=True),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_events")),
    )
    op.create_index(
        op.f("ix_inbox_events_parked_for"), "inbox_events", ["parked_for"], unique=False
    )
    op.create_index(
        "ix_inbox_events_received_at_id",
        "inbox_events",
        ["received_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_inbox_events_status"), "inbox_events", ["status"], unique=False
    )
    op.create_table(
        "ledger_journal_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_journal_entries")),
        sa.UniqueConstraint("key", name=op.f("uq_ledger_journal_entries_key")),
    )
    op.create_table(
        "outbox_emails",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("to", sa.String(), nullable=False),
        sa.Column("template", sa.String(), nullable=False),
        sa.Column("context", postgresql.JSONB(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hold_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_emails")),
    )
    op.create_index(
        "ix_outbox_emails_queued_at_id",
        "outbox_emails",
        ["queued_at", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_outbox_emails_status"), "outbox_emails", ["status"], unique=False
    )
    op.create_table(
        "partners",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("website", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partners")),
    )
    op.create_index(op.f("ix_partners_name"), "partners", ["name"], unique=False)
    op.create_table(
        "throttle_hits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("bucket", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_throttle_hits")),
    )
    op.create_index(
        op.f("ix_throttle_hits_bucket"), "throttle_hits", ["bucket"], unique=False
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(40), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["users.id"], name=op.f("fk_audit_events_actor_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    op.create_index("ix_audit_events_at_id", "audit_events", ["at", "id"], unique=False)
    op.create_index(
        op.f("ix_audit_events_subject_id"), "audit_events", ["subject_id"], unique=False
    )
    op.create_table(
        "ledger_postings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(40), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("program_id", sa.Uuid(), nullable=True),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.CheckConstraint(
            "account <> 'partner_payable' OR (partner_id IS NOT NULL AND program_id IS NOT NULL)",
            name=op.f("ck_ledger_postings_payable_to_someone"),
        ),
        sa.CheckConstraint(
            "amount_minor <> 0", name=op.f("ck_ledger_postings_not_zero")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["ledger_journal_entries.id"],
            name=op.f("fk_ledger_postings_entry_id_ledger_journal_entries"),
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.id"],
            name=op.f("fk_ledger_postings_partner_id_partners"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_postings")),
    )
    op.create_index(
        "ix_ledger_postings_balance",
        "ledger_postings",
        ["partner_id", "program_id", "account"],
        unique=False,
    )
    op.create_index(
        op.f("ix_ledger_postings_entry_id"),
        "ledger_postings",
        ["entry_id"],
        unique=False,
    )
    op.create_table(
        "mailed_tokens",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(40), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_mailed_tokens_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailed_tokens")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_mailed_tokens_token_sha256")),
    )
    op.create_index(
        op.f("ix_mailed_tokens_user_id"), "mailed_tokens", ["user_id"], unique=False
    )
    op.create_table(
        "partner_members",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.id"],
            name=op.f("fk_partner_members_partner_id_partners"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_partner_members_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_partner_members")),
    )
    op.create_index(
        op.f("ix_partner_members_partner_id"),
        "partner_members",
        ["partner_id"],
        unique=False,
    )
    op.create_table(
        "user_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_user_sessions_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_sessions")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_user_sessions_token_sha256")),
    )
    op.create_index(
        op.f("ix_user_sessions_user_id"), "user_sessions", ["user_id"], unique=False
    )
    for table in ("users", "outbox_emails", "partners", "inbox_events"):
        grant(op, table, "SELECT, INSERT, UPDATE")
    for table in ("user_sessions", "mailed_tokens", "throttle_hits", "partner_members"):
        grant(op, table, "SELECT, INSERT, UPDATE, DELETE")
    for table in ("audit_events", "ledger_journal_entries", "ledger_postings"):
        grant(op, table, "SELECT, INSERT")
        append_only(op, table)
    for table in ("ledger_journal_entries", "ledger_postings"):
        op.execute(
            f"CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON {table} "
            "DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced()"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER balanced")
    grant(op, "alembic_version", "SELECT")
    _install_job_queue()


def _install_job_queue() -> None:
    # The library's own schema: tables, functions and triggers named procrastinate_*.
    op.get_bind().connection.driver_connection.execute(SchemaManager.get_schema())
    op.execute("""
        DO $$ DECLARE t text; BEGIN
          FOR t IN SELECT tablename FROM pg_tables
                   WHERE schemaname = 'public' AND tablename LIKE 'procrastinate_%' LOOP
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO portal_app', t);
          END LOOP;
          FOR t IN SELECT sequencename FROM pg_sequences
                   WHERE schemaname = 'public' AND sequencename LIKE 'procrastinate_%' LOOP
            EXECUTE format('GRANT USAGE ON SEQUENCE %I TO portal_app', t);
          END LOOP;
        END $$
    """)


def downgrade() -> None:
    raise NotImplementedError("The first tables are never taken away.")
