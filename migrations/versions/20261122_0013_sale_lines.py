"""The lines of a sale, and where a customer is and when it left."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import append_only, grant

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

REFUSE_UNLIKE_SALE = """
CREATE FUNCTION refuse_unlike_sale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM sale_lines JOIN sales ON sales.id = sale_lines.sale_id
             WHERE sales.id = NEW.sale_id GROUP BY sales.id
             HAVING sum(sale_lines.net_minor) <> sales.net_minor
                 OR sum(sale_lines.tax_minor) <> sales.tax_minor) THEN
    RAISE EXCEPTION 'the lines of sale % do not add up to it', NEW.sale_id
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.add_column("customers", sa.Column("country", sa.String(length=2)))
    op.add_column("customers", sa.Column("country_told_at", sa.DateTime(timezone=True)))
    op.add_column("customers", sa.Column("left_at", sa.DateTime(timezone=True)))
    op.add_column("sales", sa.Column("country", sa.String(length=2)))
    op.create_table(
        "customer_subscriptions",
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("has_begun", sa.Boolean(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"],
            ["customers.id"],
            name=op.f("fk_customer_subscriptions_customer_id_customers"),
        ),
        sa.PrimaryKeyConstraint("external_id", name=op.f("pk_customer_subscriptions")),
    )
    op.create_index(
        op.f("ix_customer_subscriptions_customer_id"),
        "customer_subscriptions",
        ["customer_id"],
        unique=False,
    )
    op.create_table(
        "sale_lines",
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("product", sa.String(), nullable=True),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("net_minor", sa.BigInteger(), nullable=False),
        sa.Column("discount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("discount_minor >= 0", name=op.f("ck_sale_lines_discount")),
        sa.CheckConstraint("net_minor >= 0", name=op.f("ck_sale_lines_net")),
        sa.CheckConstraint("tax_minor >= 0", name=op.f("ck_sale_lines_tax")),
        sa.CheckConstraint("units >= 0", name=op.f("ck_sale_lines_units")),
        sa.ForeignKeyConstraint(
            ["sale_id"], ["sales.id"], name=op.f("fk_sale_lines_sale_id_sales")
        ),
        sa.PrimaryKeyConstraint("sale_id", "position", name=op.f("pk_sale_lines")),
    )
    grant(op, "customer_subscriptions", "SELECT, INSERT, UPDATE")
    grant(op, "sale_lines", "SELECT, INSERT")
    append_only(op, "sale_lines")
    op.execute(REFUSE_UNLIKE_SALE)
    op.execute(
        "CREATE CONSTRAINT TRIGGER like_sale AFTER INSERT ON sale_lines "
        "DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION refuse_unlike_sale()"
    )
    op.execute("ALTER TABLE sale_lines ENABLE ALWAYS TRIGGER like_sale")


def downgrade() -> None:
    op.drop_table("sale_lines")
    op.drop_table("customer_subscriptions")
    op.execute("DROP FUNCTION refuse_unlike_sale")
    op.drop_column("sales", "country")
    for column in ("left_at", "country_told_at", "country"):
        op.drop_column("customers", column)
