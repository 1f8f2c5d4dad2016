"""Holdback with releases, draws and withheld tax as lines of a statement."""

import sqlalchemy as sa
from alembic import op

revision = "0090"
down_revision = "0071"
branch_labels = None
depends_on = None

REFUSE_UNLIKE_LINES = """
CREATE OR REPLACE FUNCTION refuse_unlike_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  found record;
BEGIN
  SELECT count(*) AS lines,
         coalesce(sum(amount_minor) FILTER (WHERE kind = 'earned'), 0) AS earned,
         coalesce(sum(amount_minor) FILTER (WHERE kind = 'reversal'), 0) AS reversals,
         coalesce(sum(amount_minor) FILTER (WHERE kind IN ('adjustment', 'draw')), 0)
           AS adjustments,
         coalesce(sum(amount_minor) FILTER (WHERE kind = 'holdback'), 0) AS holdback,
         coalesce(sum(amount_minor) FILTER (WHERE kind = 'release'), 0) AS releases,
         coalesce(sum(-amount_minor) FILTER (WHERE kind = 'withholding'), 0)
           AS withholding,
         coalesce(sum(-amount_minor) FILTER (WHERE kind = 'payout'), 0) AS payouts
    INTO found FROM statement_lines WHERE statement_id = NEW.id;
  IF (found.lines, found.earned, found.reversals, found.adjustments, found.holdback,
      found.releases, found.withholding, 0::numeric, found.payouts)
     IS DISTINCT FROM
     (NEW.line_count::bigint, NEW.earned_minor::numeric, NEW.reversals_minor::numeric,
      NEW.adjustments_minor::numeric, NEW.holdback_minor::numeric,
      NEW.releases_minor::numeric, NEW.withholding_minor::numeric,
      NEW.fees_minor::numeric, NEW.payouts_minor::numeric) THEN
    RAISE EXCEPTION 'statement % is not what its lines add up to', NEW.number
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""

REFUSE_UNLIKE_LINES_BEFORE = """
CREATE OR REPLACE FUNCTION refuse_unlike_lines() RETURNS trigger LANGUAGE plpgsql AS $$
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

LINES = "statement_lines"
CHECKS = {
    "payout_is_posted": "(kind IN ('payout', 'release')) = (posting_id IS NOT NULL)",
    "one_source": (
        "num_nonnulls(commission_id, posting_id, adjustment_id) ="
        " CASE WHEN kind IN ('draw', 'holdback', 'withholding') THEN 0 ELSE 1 END"
    ),
    "held_until_a_day": "(kind = 'holdback') = (release_on IS NOT NULL)",
    "takes_away": "kind NOT IN ('holdback', 'withholding') OR amount_minor < 0",
    "gives_back": "kind <> 'release' OR amount_minor > 0",
}
CHECKS_BEFORE = {
    "payout_is_posted": "(kind = 'payout') = (posting_id IS NOT NULL)",
    "one_source": "num_nonnulls(commission_id, posting_id, adjustment_id) = 1",
}
WERE_NOTHING = ("advance_minor", "untaxed_minor")


def upgrade() -> None:
    op.add_column(
        "periods",
        sa.Column(
            "withholds_us_tax", sa.Boolean(), nullable=False, server_default="false"
        ),
    )
    op.alter_column("periods", "withholds_us_tax", server_default=None)
    for name in WERE_NOTHING:
        op.add_column(
            "statements",
            sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"),
        )
        op.alter_column("statements", name, server_default=None)
    op.add_column(LINES, sa.Column("release_on", sa.Date()))
    for name in CHECKS_BEFORE:
        op.drop_constraint(op.f(f"ck_{LINES}_{name}"), LINES)
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_{LINES}_{name}"), LINES, condition)
    op.create_index(
        "uq_statement_lines_policy",
        LINES,
        ["statement_id", "kind"],
        unique=True,
        postgresql_where=sa.text("kind IN ('draw', 'holdback', 'withholding')"),
    )
    op.create_index(
        "ix_statement_lines_release_on",
        LINES,
        ["release_on"],
        postgresql_where=sa.text("kind = 'holdback'"),
    )
    op.execute(REFUSE_UNLIKE_LINES)


def downgrade() -> None:
    op.execute(REFUSE_UNLIKE_LINES_BEFORE)
    op.drop_index("ix_statement_lines_release_on", LINES)
    op.drop_index("uq_statement_lines_policy", LINES)
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_{LINES}_{name}"), LINES)
    for name, condition in CHECKS_BEFORE.items():
        op.create_check_constraint(op.f(f"ck_{LINES}_{name}"), LINES, condition)
    op.drop_column(LINES, "release_on")
    for name in WERE_NOTHING:
        op.drop_column("statements", name)
    op.drop_column("periods", "withholds_us_tax")
