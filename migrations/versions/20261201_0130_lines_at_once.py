"""Lines of statements are looked at once for all that are written together."""

from alembic import op

revision = "0130"
down_revision = "0141"
branch_labels = None
depends_on = None

# The same rule as for each row: every position of an issued statement is taken.
REFUSE_EXTRA_LINES = """
CREATE FUNCTION refuse_extra_lines() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  extra record;
BEGIN
  SELECT added.statement_id, added.position INTO extra
    FROM added JOIN statements ON statements.id = added.statement_id
    WHERE added.position NOT BETWEEN 1 AND statements.line_count
    LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'statement % has no place for line %',
      extra.statement_id, extra.position USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("DROP TRIGGER complete ON statement_lines")
    op.execute("DROP FUNCTION refuse_extra_line()")
    op.execute(REFUSE_EXTRA_LINES)
    op.execute(
        "CREATE TRIGGER complete AFTER INSERT ON statement_lines "
        "REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_extra_lines()"
    )
    op.execute("ALTER TABLE statement_lines ENABLE ALWAYS TRIGGER complete")


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


def downgrade() -> None:
    op.execute("DROP TRIGGER complete ON statement_lines")
    op.execute("DROP FUNCTION refuse_extra_lines()")
    op.execute(REFUSE_EXTRA_LINE)
    op.execute(
        "CREATE TRIGGER complete BEFORE INSERT ON statement_lines "
        "FOR EACH ROW EXECUTE FUNCTION refuse_extra_line()"
    )
    op.execute("ALTER TABLE statement_lines ENABLE ALWAYS TRIGGER complete")
