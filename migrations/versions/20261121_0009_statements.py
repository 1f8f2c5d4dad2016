"""The tables of statements."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import append_only, grant

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
