"""Periods, statements, their lines and their numbers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.roles import append_only, grant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Every position of an issued statement is taken, so no line can be added to it.
REFUSE_EXTRA_LINE = """
CREATE FUNCTION refuse_extra_line() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.position NOT BETWEEN 1 AND
     (SELECT line_count FROM statements WHERE id = NEW.statement_id) THEN
    RAISE EXCEPTION 'statement % has no place for line %', NEW.statement_id, NEW.position
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""

REFUSE_UNLIKE_LINES = """
CREATE FUNCTION refuse_unlike_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  found record;
BEGIN
  SELECT count(*) AS lines,
         coalesce(sum(amount_minor) FILTER (WHERE kind = 'earned'), 0) AS earned,
         coalesce(sum(amount_minor) FILTER (WHERE kind = 'reversal'), 0) AS reversals,
         coalesce(sum(amount_minor) FILTER (WHERE kind = 'adjustment'), 0) AS adjustments,
         coalesce(sum(-amount_minor) FILTER (WHERE kind = 'payout'), 0) AS payouts
    INTO found FROM statement_lines WHERE statement_id = NEW.id;
  IF (found.lines, found.earned, found.reversals, found.adjustments, found.payouts)
     IS DISTINCT FROM
     (NEW.line_count::bigint, NEW.earned_minor::numeric, NEW.reversals_minor::numeric,
      NEW.adjustments_minor::numeric, NEW.payouts_minor::numeric) THEN
    RAISE EXCEPTION 'statement % is not what its lines add up to', NEW.number
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""

REFUSE_UNLESS_CLOSING = """
CREATE FUNCTION refuse_unless_closing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT status FROM periods WHERE id = NEW.period_id) <> 'closing' THEN
    RAISE EXCEPTION 'no statement is issued in a month that is not being closed'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$
"""

REFUSE_REOPENING = """
CREATE FUNCTION refuse_reopening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the month % is closed', OLD.label
    USING ERRCODE = 'restrict_violation';
END $$
"""


def upgrade() -> None:
    op.create_table(
        "periods",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("program_id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.String(length=7), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("close_began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.Uuid(), nullable=True),
        sa.Column("issuer_name", sa.String(), nullable=False),
        sa.Column("acknowledged", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint(
            "(status = 'closed') = (closed_at IS NOT NULL)",
            name=op.f("ck_periods_closed_at_a_moment"),
        ),
        sa.CheckConstraint(
            "(status = 'open') = (close_began_at IS NULL)",
            name=op.f("ck_periods_began_unless_open"),
        ),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_periods_has_days")),
        sa.ForeignKeyConstraint(
            ["closed_by_id"], ["users.id"], name=op.f("fk_periods_closed_by_id_users")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"], ["programs.id"], name=op.f("fk_periods_program_id_programs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_periods")),
        sa.UniqueConstraint(
            "program_id", "label", name=op.f("uq_periods_program_id_label")
        ),
    )
    op.create_index(op.f("ix_periods_status"), "periods", ["status"], unique=False)
    op.create_index(
        "uq_periods_one_closing",
        "periods",
        ["program_id"],
        unique=True,
        postgresql_where=sa.text("status = 'closing'"),
    )
    op.create_table(
        "statement_counters",
        sa.Column("program_id", sa.Uuid(), nullable=False),
        sa.Column("last_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["program_id"],
            ["programs.id"],
            name=op.f("fk_statement_counters_program_id_programs"),
        ),
        sa.PrimaryKeyConstraint("program_id", name=op.f("pk_statement_counters")),
    )
    op.create_table(
        "close_chunks",
        sa.Column("period_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("enrollment_ids", postgresql.JSONB(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["period_id"],
            ["periods.id"],
            name=op.f("fk_close_chunks_period_id_periods"),
        ),
        sa.PrimaryKeyConstraint("period_id", "number", name=op.f("pk_close_chunks")),
    )
    op.create_table(
        "statements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("period_id", sa.Uuid(), nullable=False),
        sa.Column("program_id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("period_label", sa.String(length=7), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("issuer_name", sa.String(), nullable=False),
        sa.Column("partner_name", sa.String(), nullable=False),
        sa.Column("partner_country", sa.String(), nullable=False),
        sa.Column("program_name", sa.String(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("opening_minor", sa.BigInteger(), nullable=False),
        sa.Column("earned_minor", sa.BigInteger(), nullable=False),
        sa.Column("reversals_minor", sa.BigInteger(), nullable=False),
        sa.Column("adjustments_minor", sa.BigInteger(), nullable=False),
        sa.Column("holdback_minor", sa.BigInteger(), nullable=False),
        sa.Column("releases_minor", sa.BigInteger(), nullable=False),
        sa.Column("withholding_minor", sa.BigInteger(), nullable=False),
        sa.Column("fees_minor", sa.BigInteger(), nullable=False),
        sa.Column("payouts_minor", sa.BigInteger(), nullable=False),
        sa.Column("closing_minor", sa.BigInteger(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("payment", sa.String(40), nullable=False),
        sa.Column("payment_gate", sa.String(), nullable=False),
        sa.Column("pays_on", sa.Date(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.CheckConstraint(
            "closing_minor = opening_minor + earned_minor + reversals_minor + adjustments_minor + holdback_minor + releases_minor - withholding_minor - fees_minor - payouts_minor",
            name=op.f("ck_statements_adds_up"),
        ),
        sa.CheckConstraint("count > 0", name=op.f("ck_statements_count")),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_statements_enrollment_id_enrollments"),
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.id"],
            name=op.f("fk_statements_partner_id_partners"),
        ),
        sa.ForeignKeyConstraint(
            ["period_id"], ["periods.id"], name=op.f("fk_statements_period_id_periods")
        ),
        sa.ForeignKeyConstraint(
            ["program_id"],
            ["programs.id"],
            name=op.f("fk_statements_program_id_programs"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statements")),
        sa.UniqueConstraint("number", name=op.f("uq_statements_number")),
        sa.UniqueConstraint(
            "period_id",
            "enrollment_id",
            name=op.f("uq_statements_period_id_enrollment_id"),
        ),
        sa.UniqueConstraint(
            "program_id", "count", name=op.f("uq_statements_program_id_count")
        ),
        sa.UniqueConstraint("sha256", name=op.f("uq_statements_sha256")),
    )
    op.create_index(
        op.f("ix_statements_enrollment_id"),
        "statements",
        ["enrollment_id"],
        unique=False,
    )
    op.create_index(
        "ix_statements_page", "statements", ["issued_at", "id"], unique=False
    )
    op.create_index(
        "ix_statements_partner",
        "statements",
        ["partner_id", "period_label"],
        unique=False,
    )
    op.create_table(
        "statement_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("statement_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("commission_id", sa.Uuid(), nullable=True),
        sa.Column("posting_id", sa.Uuid(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("customer", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("trace", postgresql.JSONB(), nullable=False),
        sa.Column("base_minor", sa.BigInteger(), nullable=False),
        sa.Column("rate", sa.String(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'payout') = (commission_id IS NULL)",
            name=op.f("ck_statement_lines_rest_is_commission"),
        ),
        sa.CheckConstraint(
            "(kind = 'payout') = (posting_id IS NOT NULL)",
            name=op.f("ck_statement_lines_payout_is_posted"),
        ),
        sa.ForeignKeyConstraint(
            ["commission_id"],
            ["commissions.id"],
            name=op.f("fk_statement_lines_commission_id_commissions"),
        ),
        sa.ForeignKeyConstraint(
            ["posting_id"],
            ["ledger_postings.id"],
            name=op.f("fk_statement_lines_posting_id_ledger_postings"),
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["statements.id"],
            name=op.f("fk_statement_lines_statement_id_statements"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_lines")),
        sa.UniqueConstraint(
            "commission_id", name=op.f("uq_statement_lines_commission_id")
        ),
        sa.UniqueConstraint("posting_id", name=op.f("uq_statement_lines_posting_id")),
        sa.UniqueConstraint(
            "statement_id",
            "position",
            name=op.f("uq_statement_lines_statement_id_position"),
        ),
    )
    grant(op, "periods", "SELECT, INSERT, UPDATE")
    grant(op, "close_chunks", "SELECT, INSERT, UPDATE")
    grant(op, "statement_counters", "SELECT, INSERT, UPDATE")
    for table in ("statements", "statement_lines"):
        grant(op, table, "SELECT, INSERT")
        append_only(op, table)
    _walls()


def _walls() -> None:
    for function in (
        REFUSE_EXTRA_LINE,
        REFUSE_UNLIKE_LINES,
        REFUSE_UNLESS_CLOSING,
        REFUSE_REOPENING,
    ):
        op.execute(function)
    op.execute(
        "CREATE TRIGGER complete BEFORE INSERT ON statement_lines "
        "FOR EACH ROW EXECUTE FUNCTION refuse_extra_line()"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER like_lines AFTER INSERT ON statements "
        "DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION refuse_unlike_lines()"
    )
    op.execute(
        "CREATE TRIGGER while_closing BEFORE INSERT ON statements "
        "FOR EACH ROW EXECUTE FUNCTION refuse_unless_closing()"
    )
    op.execute(
        "CREATE TRIGGER stays_closed BEFORE UPDATE OR DELETE ON periods "
        "FOR EACH ROW WHEN (OLD.status = 'closed') "
        "EXECUTE FUNCTION refuse_reopening()"
    )
    op.execute(
        "CREATE TRIGGER stays BEFORE TRUNCATE ON periods "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite()"
    )
    for table, trigger in (
        ("statement_lines", "complete"),
        ("statements", "like_lines"),
        ("statements", "while_closing"),
        ("periods", "stays_closed"),
        ("periods", "stays"),
    ):
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")


def downgrade() -> None:
    for table in (
        "statement_lines",
        "statements",
        "close_chunks",
        "statement_counters",
        "periods",
    ):
        op.drop_table(table)
    for function in (
        "refuse_extra_line",
        "refuse_unlike_lines",
        "refuse_unless_closing",
        "refuse_reopening",
    ):
        op.execute(f"DROP FUNCTION {function}()")
