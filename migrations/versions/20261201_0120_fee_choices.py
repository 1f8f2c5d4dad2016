"""A fee's trial, and where the PDF of an invoice is."""

import sqlalchemy as sa
from alembic import op

revision = "0120"
down_revision = "0150"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "fee_subscriptions", sa.Column("trial_end", sa.DateTime(timezone=True))
    )
    op.add_column(
        "fee_invoices",
        sa.Column("pdf_url", sa.String(), server_default="", nullable=False),
    )


def downgrade() -> None:
    op.drop_column("fee_invoices", "pdf_url")
    op.drop_column("fee_subscriptions", "trial_end")
