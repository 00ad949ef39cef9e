"""Runs migrations on the connection that ``storeorch_webapp.database`` hands over."""

from alembic import context

from storeorch_webapp.database import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
context.run_migrations()
