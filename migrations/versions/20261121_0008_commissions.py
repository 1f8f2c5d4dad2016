"""Who got the credit, the levels held, and what was earned."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.roles import grant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

REFUSE_THAWING = """
CREATE FUNCTION refuse_thawing() RETURNS trigger LANGUAGE plpgsql AS $$
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


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}_{target}")
    )


def upgrade() -> None:
    op.create_table(
        "attributions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("program_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=True),
        sa.Column("click_id", sa.Uuid(), nullable=True),
        sa.Column("reference", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("converted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", postgresql.JSONB(), nullable=False),
        _reference("attributions", "customer_id", "customers"),
        _reference("attributions", "program_id", "programs"),
        _reference("attributions", "version_id", "program_versions"),
        _reference("attributions", "enrollment_id", "enrollments"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attributions")),
        sa.UniqueConstraint(
            "customer_id",
            "program_id",
            name=op.f("uq_attributions_customer_id_program_id"),
        ),
    )
    op.create_index(
        op.f("ix_attributions_enrollment_id"),
        "attributions",
        ["enrollment_id"],
        unique=False,
    )
    op.create_table(
        "tier_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("metric_value", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        _reference("tier_changes", "enrollment_id", "enrollments"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_changes")),
        sa.UniqueConstraint(
            "enrollment_id",
            "from_at",
            name=op.f("uq_tier_changes_enrollment_id_from_at"),
        ),
    )
    _commissions()
    grant(op, "attributions", "SELECT, INSERT, UPDATE")
    grant(op, "tier_changes", "SELECT, INSERT, UPDATE, DELETE")
    grant(op, "commissions", "SELECT, INSERT, UPDATE, DELETE")


def _commissions() -> None:
    op.create_table(
        "commissions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("program_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.Column("refund_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("rule_key", sa.String(), nullable=False),
        sa.Column("base_minor", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("clears_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trace", postgresql.JSONB(), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("period_label", sa.String(7), nullable=True),
        sa.CheckConstraint(
            "(frozen_at IS NULL) = (period_label IS NULL)",
            name=op.f("ck_commissions_frozen_in_a_period"),
        ),
        sa.CheckConstraint(
            "frozen_at IS NULL OR clears_at IS NOT NULL",
            name=op.f("ck_commissions_frozen_when_cleared"),
        ),
        _reference("commissions", "enrollment_id", "enrollments"),
        _reference("commissions", "partner_id", "partners"),
        _reference("commissions", "program_id", "programs"),
        _reference("commissions", "version_id", "program_versions"),
        _reference("commissions", "customer_id", "customers"),
        _reference("commissions", "sale_id", "sales"),
        _reference("commissions", "refund_id", "refunds"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commissions")),
        sa.UniqueConstraint(
            "enrollment_id", "key", name=op.f("uq_commissions_enrollment_id_key")
        ),
    )
    for column in ("program_id", "customer_id", "sale_id"):
        op.create_index(op.f(f"ix_commissions_{column}"), "commissions", [column])
    op.create_index(
        "ix_commissions_page", "commissions", ["partner_id", "occurred_at", "id"]
    )
    op.create_index("ix_commissions_all", "commissions", ["occurred_at", "id"])
    op.create_index(
        "ix_commissions_open",
        "commissions",
        ["enrollment_id", "clears_at"],
        postgresql_where=sa.text("frozen_at IS NULL"),
    )
    op.execute(REFUSE_THAWING)
    op.execute(
        "CREATE TRIGGER frozen BEFORE UPDATE OR DELETE ON commissions FOR EACH ROW "
        "WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION refuse_thawing()"
    )
    op.execute(
        "CREATE TRIGGER frozen_all BEFORE TRUNCATE ON commissions "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_thawing()"
    )
    for trigger in ("frozen", "frozen_all"):
        op.execute(f"ALTER TABLE commissions ENABLE ALWAYS TRIGGER {trigger}")


def downgrade() -> None:
    for table in ("commissions", "tier_changes", "attributions"):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_thawing()")
