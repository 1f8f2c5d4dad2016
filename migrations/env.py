"""How migrations run: as the owner of the tables, one transaction each."""

from alembic import context
from flask import current_app
from sqlalchemy import create_engine

from portal.kit.db import Base


def run() -> None:
    url = current_app.extensions["portal.settings"].database_owner_url
    engine = create_engine(url)
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            transaction_per_migration=True,
            compare_type=True,
            include_name=lambda name, type_, _: (
                not (type_ == "table" and (name or "").startswith("procrastinate_"))
            ),
        )
        with context.begin_transaction():
            connection.exec_driver_sql("SET lock_timeout = '5s'")
            context.run_migrations()
    engine.dispose()


run()
