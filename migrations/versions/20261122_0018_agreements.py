"""Signed agreements: the text itself, who signed it, and who must sign again.

What was accepted before is carried over, with the text that was shown.
"""

import sqlalchemy as sa
from alembic import op

from migrations.roles import append_only, grant

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_TABLES = ("agreement_texts", "agreement_signatures", "agreement_notices")

_CARRY_TEXTS = """
INSERT INTO agreement_texts (sha256, text)
SELECT DISTINCT ON (sha256) sha256, text FROM (
  SELECT definition_json->'agreement'->>'text' AS text,
         encode(sha256(convert_to(definition_json->'agreement'->>'text', 'UTF8')), 'hex')
         AS sha256
  FROM program_versions
  WHERE jsonb_typeof(definition_json->'agreement') = 'object'
) AS published
WHERE sha256 IN (SELECT text_sha256 FROM agreement_acceptances)
"""
_LOST = """
SELECT count(*) FROM agreement_acceptances
WHERE text_sha256 NOT IN (SELECT sha256 FROM agreement_texts)
"""
_CARRY_SIGNATURES = """
INSERT INTO agreement_signatures (
  id, enrollment_id, title, version, text_sha256, program_name, issuer_name,
  partner_name, signed_by_id, signer_name, signer_email, signer_role, signed_at,
  remote_address, user_agent, language
)
SELECT a.id, a.enrollment_id,
       COALESCE(v.definition_json->'agreement'->>'title', ''), a.version, a.text_sha256,
       v.definition_json->>'name', '', p.name, u.id, u.name, u.email, '',
       a.accepted_at, a.remote_address, '', ''
FROM agreement_acceptances AS a
JOIN enrollments AS e ON e.id = a.enrollment_id
JOIN program_versions AS v ON v.id = e.version_id
JOIN partners AS p ON p.id = e.partner_id
JOIN users AS u ON u.id = a.accepted_by_id
"""
_CARRY_BACK = """
INSERT INTO agreement_acceptances (
  id, enrollment_id, version, text_sha256, accepted_by_id, accepted_at, remote_address
)
SELECT DISTINCT ON (enrollment_id, version)
       id, enrollment_id, version, text_sha256, signed_by_id, signed_at, remote_address
FROM agreement_signatures ORDER BY enrollment_id, version, signed_at
"""


def upgrade() -> None:
    op.create_table(
        "agreement_texts",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_agreement_texts")),
    )
    op.create_table(
        "agreement_signatures",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("text_sha256", sa.String(), nullable=False),
        sa.Column("program_name", sa.String(), nullable=False),
        sa.Column("issuer_name", sa.String(), nullable=False),
        sa.Column("partner_name", sa.String(), nullable=False),
        sa.Column("signed_by_id", sa.Uuid(), nullable=False),
        sa.Column("signer_name", sa.String(), nullable=False),
        sa.Column("signer_email", sa.String(), nullable=False),
        sa.Column("signer_role", sa.String(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remote_address", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_agreement_signatures_enrollment_id_enrollments"),
        ),
        sa.ForeignKeyConstraint(
            ["signed_by_id"],
            ["users.id"],
            name=op.f("fk_agreement_signatures_signed_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["text_sha256"],
            ["agreement_texts.sha256"],
            name=op.f("fk_agreement_signatures_text_sha256_agreement_texts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_signatures")),
        sa.UniqueConstraint(
            "enrollment_id",
            "version",
            "text_sha256",
            name="uq_agreement_signatures_enrollment_id_version_text_sha256",
        ),
    )
    op.create_table(
        "agreement_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("text_sha256", sa.String(), nullable=False),
        sa.Column("shuts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_agreement_notices_enrollment_id_enrollments"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_notices")),
        sa.UniqueConstraint(
            "enrollment_id",
            "version",
            "text_sha256",
            "shuts_at",
            name="uq_agreement_notices_once",
        ),
    )
    _carry_over()
    op.drop_table("agreement_acceptances")
    for table in _TABLES:
        grant(op, table, "SELECT, INSERT")
        append_only(op, table)


def _carry_over() -> None:
    connection = op.get_bind()
    connection.execute(sa.text(_CARRY_TEXTS))
    if connection.scalar(sa.text(_LOST)):
        raise RuntimeError(
            "an accepted agreement is in no version of its program: find its text "
            "in a backup before you go on"
        )
    connection.execute(sa.text(_CARRY_SIGNATURES))


def downgrade() -> None:
    op.create_table(
        "agreement_acceptances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("enrollment_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("text_sha256", sa.String(), nullable=False),
        sa.Column("accepted_by_id", sa.Uuid(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remote_address", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["accepted_by_id"],
            ["users.id"],
            name=op.f("fk_agreement_acceptances_accepted_by_id_users"),
        ),
        sa.ForeignKeyConstraint(
            ["enrollment_id"],
            ["enrollments.id"],
            name=op.f("fk_agreement_acceptances_enrollment_id_enrollments"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_acceptances")),
        sa.UniqueConstraint(
            "enrollment_id",
            "version",
            name=op.f("uq_agreement_acceptances_enrollment_id_version"),
        ),
    )
    op.get_bind().execute(sa.text(_CARRY_BACK))
    grant(op, "agreement_acceptances", "SELECT, INSERT")
    append_only(op, "agreement_acceptances")
    for table in ("agreement_notices", "agreement_signatures", "agreement_texts"):
        op.drop_table(table)
