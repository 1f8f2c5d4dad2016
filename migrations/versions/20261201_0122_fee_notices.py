"""Since when a fee is due, and which reminders of it were sent."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import grant

revision = "0122"
down_revision = "0121"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("fee_invoices", sa.Column("due_at", sa.DateTime(timezone=True)))
    op.create_table(
        "fee_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("invoice_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["invoice_id"],
            ["fee_invoices.id"],
            name=op.f("fk_fee_notices_invoice_id_fee_invoices"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fee_notices")),
        sa.UniqueConstraint("invoice_id", "step", name="uq_fee_notices_step"),
    )
    grant(op, "fee_notices", "SELECT, INSERT")


def downgrade() -> None:
    op.drop_table("fee_notices")
    op.drop_column("fee_invoices", "due_at")
