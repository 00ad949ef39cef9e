"""Owners of stores, also in the history, which outlives them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; what is there has no owner."""
    op.add_column("stores", sa.Column("owner", sa.String(200)))
    op.create_index("ix_stores_owner", "stores", ["owner"])
    op.add_column("events", sa.Column("owner", sa.String(200)))
    op.create_index("ix_events_owner_at", "events", ["owner", "at"])
