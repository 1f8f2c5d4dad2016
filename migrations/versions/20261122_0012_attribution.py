"""Several partners may share a customer."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import grant

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ONE_EACH = "uq_attributions_customer_id_program_id_enrollment_id"
ONE = "uq_attributions_customer_id_program_id"

SHARES_IN_DECISIONS = """
UPDATE attributions SET decision = decision - 'winner' || jsonb_build_object(
  'model', 'last_click',
  'of_weight', 1,
  'winners', CASE WHEN decision -> 'winner' = 'null' THEN '[]' ELSE
    jsonb_build_array(jsonb_build_object(
      'enrollment', decision -> 'winner' -> 'enrollment',
      'weight', 1,
      'clicks', jsonb_build_array(decision -> 'winner')
    )) END
)
"""

WINNERS_IN_DECISIONS = """
UPDATE attributions SET decision = decision - ARRAY['model', 'of_weight', 'winners']
  || jsonb_build_object('winner', decision -> 'winners' -> 0 -> 'clicks' -> 0)
"""


def upgrade() -> None:
    for column in ("weight", "of_weight"):
        op.add_column(
            "attributions",
            sa.Column(column, sa.Integer(), nullable=False, server_default="1"),
        )
    op.execute("UPDATE attributions SET weight = 0 WHERE enrollment_id IS NULL")
    op.execute(SHARES_IN_DECISIONS)
    for column in ("weight", "of_weight"):
        op.alter_column("attributions", column, server_default=None)
    for name, condition in (
        ("weight", "weight BETWEEN 0 AND of_weight"),
        ("of_weight", "of_weight > 0"),
        ("credited", "enrollment_id IS NULL OR weight > 0"),
    ):
        op.create_check_constraint(
            op.f(f"ck_attributions_{name}"), "attributions", condition
        )
    op.drop_constraint(op.f(ONE), "attributions", type_="unique")
    op.create_unique_constraint(
        op.f(ONE_EACH),
        "attributions",
        ["customer_id", "program_id", "enrollment_id"],
        postgresql_nulls_not_distinct=True,
    )
    grant(op, "attributions", "DELETE")


def downgrade() -> None:
    """Go back. It fails while some customer is shared: nobody's share is dropped."""
    op.drop_constraint(op.f(ONE_EACH), "attributions", type_="unique")
    op.create_unique_constraint(
        op.f(ONE), "attributions", ["customer_id", "program_id"]
    )
    for column in ("weight", "of_weight"):
        op.drop_column("attributions", column)
    op.execute(WINNERS_IN_DECISIONS)
    op.execute("REVOKE DELETE ON attributions FROM portal_app")
