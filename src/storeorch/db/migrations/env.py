"""Runs migrations on the connection that ``storeorch.db.migrate`` hands over."""

from alembic import context

from storeorch.db.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
