"""Who was on a partner's team when."""

import sqlalchemy as sa
from alembic import op

from migrations.roles import grant

revision = "0070"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "team_spells",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "until_at >= from_at", name=op.f("ck_team_spells_ends_after_it_began")
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.id"],
            name=op.f("fk_team_spells_partner_id_partners"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_team_spells_user_id_users")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team_spells")),
    )
    op.create_index(
        op.f("ix_team_spells_partner_id"), "team_spells", ["partner_id"], unique=False
    )
    op.create_index(
        "uq_team_spells_open",
        "team_spells",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("until_at IS NULL"),
    )
    # Who is on a team today has been there since they were given the place: when they
    # accepted it was not kept.
    op.execute(
        "INSERT INTO team_spells (id, partner_id, user_id, from_at) "
        "SELECT gen_random_uuid(), m.partner_id, m.user_id, m.joined_at "
        "FROM partner_members m JOIN users u ON u.id = m.user_id "
        "WHERE u.is_active AND u.password_hash IS NOT NULL"
    )
    grant(op, "team_spells", "SELECT, INSERT, UPDATE")


def downgrade() -> None:
    op.drop_table("team_spells")
