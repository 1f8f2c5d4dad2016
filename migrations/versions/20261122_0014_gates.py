"""Gates that only the days of grace after a failed payment hold open."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "gate_intervals",
        sa.Column("in_grace", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.alter_column("gate_intervals", "in_grace", server_default=None)


def downgrade() -> None:
    op.drop_column("gate_intervals", "in_grace")
