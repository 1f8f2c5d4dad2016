"""Tax forms as they were signed, and declarations about VAT."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.roles import append_only, grant

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tax_forms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("revision", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("tin_kind", sa.String(length=40), nullable=True),
        sa.Column("tin_last4", sa.String(), nullable=False),
        sa.Column("treaty_bps", sa.Integer(), nullable=True),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.Column("review_reasons", postgresql.JSONB(), nullable=False),
        sa.Column("signed_name", sa.String(), nullable=False),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("valid_until_on", sa.Date(), nullable=True),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_by_id", sa.Uuid(), nullable=False),
        sa.Column("remote_address", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("return_reason", sa.String(), nullable=False),
        sa.Column("reminded_days", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "length(tin_last4) IN (0, 4)", name=op.f("ck_tax_forms_last4")
        ),
        sa.CheckConstraint(
            "treaty_bps BETWEEN 0 AND 3000", name=op.f("ck_tax_forms_treaty")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by_id"],
            ["users.id"],
            name=op.f("fk_tax_forms_decided_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.id"],
            name=op.f("fk_tax_forms_partner_id_partners"),
        ),
        sa.ForeignKeyConstraint(
            ["submitted_by_id"],
            ["users.id"],
            name=op.f("fk_tax_forms_submitted_by_id_users"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_forms")),
        sa.UniqueConstraint(
            "partner_id", "version", name=op.f("uq_tax_forms_partner_id_version")
        ),
    )
    op.create_index(
        "ix_tax_forms_status", "tax_forms", ["status", "submitted_at"], unique=False
    )
    op.create_index(
        "uq_tax_forms_accepted",
        "tax_forms",
        ["partner_id"],
        unique=True,
        postgresql_where=sa.text("status = 'accepted'"),
    )
    op.create_index(
        "uq_tax_forms_submitted",
        "tax_forms",
        ["partner_id"],
        unique=True,
        postgresql_where=sa.text("status = 'submitted'"),
    )
    op.create_table(
        "vat_declarations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("is_registered", sa.Boolean(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("is_proven", sa.Boolean(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("declared_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declared_by_id", sa.Uuid(), nullable=False),
        sa.Column("remote_address", sa.String(), nullable=False),
        sa.CheckConstraint(
            "is_registered = (number <> '')", name=op.f("ck_vat_declarations_number")
        ),
        sa.ForeignKeyConstraint(
            ["declared_by_id"],
            ["users.id"],
            name=op.f("fk_vat_declarations_declared_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["partner_id"],
            ["partners.id"],
            name=op.f("fk_vat_declarations_partner_id_partners"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vat_declarations")),
    )
    op.create_index(
        "ix_vat_declarations_partner_id",
        "vat_declarations",
        ["partner_id", "from_on"],
        unique=False,
    )
    op.create_table(
        "tax_form_secrets",
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["form_id"],
            ["tax_forms.id"],
            name=op.f("fk_tax_form_secrets_form_id_tax_forms"),
        ),
        sa.PrimaryKeyConstraint("form_id", name=op.f("pk_tax_form_secrets")),
    )
    # What a form says stays as it was signed; only where it stands moves.
    grant(
        op,
        "tax_forms",
        "SELECT, INSERT, UPDATE (status, decided_at, decided_by_id, return_reason, "
        "reminded_days)",
    )
    # Secrets are written anew with another key, and may be erased.
    grant(op, "tax_form_secrets", "SELECT, INSERT, UPDATE (sealed), DELETE")
    grant(op, "vat_declarations", "SELECT, INSERT")
    append_only(op, "vat_declarations")


def downgrade() -> None:
    op.drop_table("tax_form_secrets")
    op.drop_table("vat_declarations")
    op.drop_table("tax_forms")
