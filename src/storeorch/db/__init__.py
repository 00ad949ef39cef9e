"""The repository in a SQL database: tables, statements, packaged migrations.

The only package that knows SQLAlchemy, Alembic and database drivers.
"""

from storeorch.db.migrate import upgrade_database
from storeorch.db.repository import SqlRepository

__all__ = ["SqlRepository", "upgrade_database"]
