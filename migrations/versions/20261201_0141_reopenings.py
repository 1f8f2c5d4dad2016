"""Months that are reopened: their statements are reversed, never changed."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import grant

revision = "0141"
down_revision = "0140"
branch_labels = None
depends_on = None

# A line may be thawed once every line of a statement that shows it is reversed.
REFUSE_THAWING = """
CREATE OR REPLACE FUNCTION refuse_thawing() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moved text[] := ARRAY['frozen_at', 'period_label', 'thawed_at'];
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    IF EXISTS (SELECT FROM commissions WHERE frozen_at IS NOT NULL) THEN
      RAISE EXCEPTION 'commissions on statements are frozen'
        USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.frozen_at IS NULL AND NEW.thawed_at IS NOT NULL
     AND to_jsonb(NEW) - moved = to_jsonb(OLD) - moved
     AND EXISTS (SELECT FROM statement_lines WHERE commission_id = OLD.id)
     AND NOT EXISTS (
       SELECT FROM statement_lines AS stated WHERE stated.commission_id = OLD.id
       AND NOT EXISTS (
         SELECT FROM statement_lines AS back WHERE back.reverses_id = stated.id))
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'commission % is on a statement and frozen', OLD.id
    USING ERRCODE = 'restrict_violation';
END $$
"""

REFUSE_THAWING_BEFORE = """
CREATE OR REPLACE FUNCTION refuse_thawing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    IF EXISTS (SELECT FROM commissions WHERE frozen_at IS NOT NULL) THEN
      RAISE EXCEPTION 'commissions on statements are frozen'
        USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'commission % is on a statement and frozen', OLD.id
    USING ERRCODE = 'restrict_violation';
END $$
"""

# A statement is issued while its month is closing, in the turn of the month. The one
# that reverses it is issued while the month is closed and a reopening is confirmed.
REFUSE_UNLESS_CLOSING = """
CREATE OR REPLACE FUNCTION refuse_unless_closing() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  month record;
BEGIN
  SELECT status, turn INTO month FROM periods WHERE id = NEW.period_id;
  IF NEW.reverses_id IS NULL THEN
    IF month.status <> 'closing' OR month.turn <> NEW.turn THEN
      RAISE EXCEPTION 'no statement is issued in a month that is not being closed'
        USING ERRCODE = 'restrict_violation';
    END IF;
  ELSIF month.status <> 'closed' OR NOT EXISTS (
      SELECT FROM period_reopenings AS opened, statements AS former
      WHERE opened.period_id = NEW.period_id AND opened.turn = month.turn
        AND opened.confirmed_at IS NOT NULL AND former.id = NEW.reverses_id
        AND former.period_id = NEW.period_id AND former.reverses_id IS NULL
        AND former.enrollment_id = NEW.enrollment_id
        AND former.closing_minor = NEW.opening_minor
        AND former.opening_minor = NEW.closing_minor) THEN
    RAISE EXCEPTION 'no statement is reversed in a month that is not being reopened'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$
"""

REFUSE_UNLESS_CLOSING_BEFORE = """
CREATE OR REPLACE FUNCTION refuse_unless_closing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT status FROM periods WHERE id = NEW.period_id) <> 'closing' THEN
    RAISE EXCEPTION 'no statement is issued in a month that is not being closed'
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$
"""

# A closed month opens once a reopening is confirmed and all its statements are reversed.
REFUSE_REOPENING = """
CREATE OR REPLACE FUNCTION refuse_reopening() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  moved text[] := ARRAY['status', 'turn', 'close_began_at', 'closed_at', 'closed_by_id',
    'acknowledged', 'four_eyes', 'proposed_by_id', 'proposed_at', 'proposed_figures'];
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.status = 'open' AND NEW.turn = OLD.turn + 1
     AND to_jsonb(NEW) - moved = to_jsonb(OLD) - moved
     AND EXISTS (SELECT FROM period_reopenings WHERE period_id = OLD.id
                 AND turn = OLD.turn AND confirmed_at IS NOT NULL)
     AND NOT EXISTS (
       SELECT FROM statements AS former
       WHERE former.period_id = OLD.id AND former.reverses_id IS NULL
       AND NOT EXISTS (
         SELECT FROM statements AS back WHERE back.reverses_id = former.id))
     AND NOT EXISTS (
       SELECT FROM periods WHERE program_id = OLD.program_id
       AND starts_at > OLD.starts_at AND status <> 'open')
  THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'the month % is closed', OLD.label
    USING ERRCODE = 'restrict_violation';
END $$
"""

REFUSE_REOPENING_BEFORE = """
CREATE OR REPLACE FUNCTION refuse_reopening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the month % is closed', OLD.label
    USING ERRCODE = 'restrict_violation';
END $$
"""

LINE_CHECKS = {
    "payout_is_posted": "(kind IN ('payout', 'release')) = (posting_id IS NOT NULL)",
    "one_source": (
        "num_nonnulls(commission_id, posting_id, adjustment_id) ="
        " CASE WHEN kind IN ('draw', 'holdback', 'withholding') THEN 0 ELSE 1 END"
    ),
    "takes_away": "kind NOT IN ('holdback', 'withholding') OR amount_minor < 0",
    "gives_back": "kind <> 'release' OR amount_minor > 0",
}
NO_SOURCE = "num_nonnulls(commission_id, posting_id, adjustment_id) = 0"
SOURCES = ("commission_id", "posting_id", "adjustment_id")


def upgrade() -> None:
    _reopenings()
    op.add_column("periods", _turn())
    op.add_column("statements", _turn())
    op.add_column("statements", sa.Column("reverses_id", sa.Uuid()))
    op.add_column(
        "statements",
        sa.Column("refers_to", sa.String(), nullable=False, server_default=""),
    )
    op.add_column("statement_lines", _turn())
    op.add_column("statement_lines", sa.Column("reverses_id", sa.Uuid()))
    op.add_column("commissions", sa.Column("thawed_at", sa.DateTime(timezone=True)))
    for table, column in (
        ("periods", "turn"),
        ("statements", "turn"),
        ("statements", "refers_to"),
        ("statement_lines", "turn"),
    ):
        op.alter_column(table, column, server_default=None)
    _statements()
    _lines()
    for function in (REFUSE_THAWING, REFUSE_UNLESS_CLOSING, REFUSE_REOPENING):
        op.execute(function)


def _turn() -> sa.Column[int]:
    return sa.Column("turn", sa.Integer(), nullable=False, server_default="1")


def _reopenings() -> None:
    op.create_table(
        "period_reopenings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("period_id", sa.Uuid(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("four_eyes", sa.Boolean(), nullable=False),
        sa.Column("asked_by_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by_id", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dropped_by_id", sa.Uuid(), nullable=True),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_by_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "reason <> ''", name=op.f("ck_period_reopenings_has_reason")
        ),
        sa.CheckConstraint(
            "(confirmed_at IS NULL) = (confirmed_by_id IS NULL)",
            name=op.f("ck_period_reopenings_confirmed_by_somebody"),
        ),
        sa.CheckConstraint(
            "(dropped_at IS NULL) = (dropped_by_id IS NULL)",
            name=op.f("ck_period_reopenings_dropped_by_somebody"),
        ),
        sa.CheckConstraint(
            "confirmed_at IS NULL OR dropped_at IS NULL",
            name=op.f("ck_period_reopenings_one_end"),
        ),
        sa.CheckConstraint(
            "NOT four_eyes OR confirmed_by_id <> asked_by_id",
            name=op.f("ck_period_reopenings_two_people"),
        ),
        sa.ForeignKeyConstraint(
            ["period_id"],
            ["periods.id"],
            name=op.f("fk_period_reopenings_period_id_periods"),
        ),
        *(
            sa.ForeignKeyConstraint(
                [column],
                ["users.id"],
                name=op.f(f"fk_period_reopenings_{column}_users"),
            )
            for column in (
                "asked_by_id",
                "confirmed_by_id",
                "dropped_by_id",
                "closed_by_id",
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_period_reopenings")),
    )
    op.create_index(
        "uq_period_reopenings_one",
        "period_reopenings",
        ["period_id", "turn"],
        unique=True,
        postgresql_where=sa.text("dropped_at IS NULL"),
    )
    grant(
        op,
        "period_reopenings",
        "SELECT, INSERT, UPDATE (confirmed_by_id, confirmed_at, dropped_by_id, dropped_at)",
    )


def _statements() -> None:
    op.create_foreign_key(
        op.f("fk_statements_reverses_id_statements"),
        "statements",
        "statements",
        ["reverses_id"],
        ["id"],
    )
    op.create_unique_constraint(
        op.f("uq_statements_reverses_id"), "statements", ["reverses_id"]
    )
    op.drop_constraint(op.f("uq_statements_period_id_enrollment_id"), "statements")
    op.create_index(
        "uq_statements_one_each_turn",
        "statements",
        ["period_id", "enrollment_id", "turn"],
        unique=True,
        postgresql_where=sa.text("reverses_id IS NULL"),
    )
    op.create_check_constraint(
        op.f("ck_statements_refers_if_it_reverses"),
        "statements",
        "reverses_id IS NULL OR refers_to <> ''",
    )


def _lines() -> None:
    op.create_foreign_key(
        op.f("fk_statement_lines_reverses_id_statement_lines"),
        "statement_lines",
        "statement_lines",
        ["reverses_id"],
        ["id"],
    )
    # Nearly all lines reverse nothing: those cost the close no entry in the index.
    op.create_index(
        "uq_statement_lines_reverses_id",
        "statement_lines",
        ["reverses_id"],
        unique=True,
        postgresql_where=sa.text("reverses_id IS NOT NULL"),
    )
    for column in SOURCES:
        op.drop_constraint(op.f(f"uq_statement_lines_{column}"), "statement_lines")
        op.create_unique_constraint(
            op.f(f"uq_statement_lines_{column}_turn"),
            "statement_lines",
            [column, "turn"],
        )
    for name, condition in LINE_CHECKS.items():
        op.drop_constraint(op.f(f"ck_statement_lines_{name}"), "statement_lines")
        op.create_check_constraint(
            op.f(f"ck_statement_lines_{name}"),
            "statement_lines",
            f"reverses_id IS NOT NULL OR ({condition})",
        )
    op.create_check_constraint(
        op.f("ck_statement_lines_reverses_a_line"),
        "statement_lines",
        f"reverses_id IS NULL OR {NO_SOURCE}",
    )


def downgrade() -> None:
    for function in (
        REFUSE_THAWING_BEFORE,
        REFUSE_UNLESS_CLOSING_BEFORE,
        REFUSE_REOPENING_BEFORE,
    ):
        op.execute(function)
    op.drop_constraint(op.f("ck_statement_lines_reverses_a_line"), "statement_lines")
    for name, condition in LINE_CHECKS.items():
        op.drop_constraint(op.f(f"ck_statement_lines_{name}"), "statement_lines")
        op.create_check_constraint(
            op.f(f"ck_statement_lines_{name}"), "statement_lines", condition
        )
    for column in SOURCES:
        op.drop_constraint(op.f(f"uq_statement_lines_{column}_turn"), "statement_lines")
        op.create_unique_constraint(
            op.f(f"uq_statement_lines_{column}"), "statement_lines", [column]
        )
    op.drop_constraint(op.f("ck_statements_refers_if_it_reverses"), "statements")
    op.drop_index("uq_statements_one_each_turn", "statements")
    op.create_unique_constraint(
        op.f("uq_statements_period_id_enrollment_id"),
        "statements",
        ["period_id", "enrollment_id"],
    )
    for table, columns in (
        ("statement_lines", ("reverses_id", "turn")),
        ("statements", ("reverses_id", "refers_to", "turn")),
        ("periods", ("turn",)),
        ("commissions", ("thawed_at",)),
    ):
        for column in columns:
            op.drop_column(table, column)
    op.drop_table("period_reopenings")
