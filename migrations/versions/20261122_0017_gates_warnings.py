"""Gates that renew by themselves, and what partners were told about their gates."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import append_only, grant

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "gate_intervals",
        sa.Column("renews", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.alter_column("gate_intervals", "renews", server_default=None)
    # The fee's own note. Without this, partners would be warned every month.
    op.execute("UPDATE gate_intervals SET renews = true WHERE note LIKE 'paid until %'")
    op.create_table(
        "gate_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("gate_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("about_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gate_notices")),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_gate_notices_enrollment_id_enrollments"),
        ),
        sa.UniqueConstraint(
            "enrollment_id",
            "gate_key",
            "kind",
            "about_at",
            "step",
            name="uq_gate_notices_once",
        ),
    )
    grant(op, "gate_notices", "SELECT, INSERT")
    append_only(op, "gate_notices")


def downgrade() -> None:
    op.drop_table("gate_notices")
    op.drop_column("gate_intervals", "renews")
