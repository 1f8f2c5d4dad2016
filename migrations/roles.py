"""What the role of the portal may do, table by table, and the append-only wall."""

from alembic.operations import Operations


def grant(op: Operations, table: str, rights: str) -> None:
    """Give the role that the portal runs as `rights` on `table`."""
    op.execute(f"GRANT {rights} ON {table} TO portal_app")


def append_only(op: Operations, table: str) -> None:
    """Refuse to change or remove rows of `table`, even to its owner."""
    op.execute(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewrite()"
    )
    op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")
