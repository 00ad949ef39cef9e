"""Stores, events and workers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "stores",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("cluster", sa.String(63), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("type", sa.String(63), nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("observed_generation", sa.Integer, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("namespace", sa.String(63), nullable=False),
        sa.Column("host", sa.String(253), nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("helm_release", sa.String(53), nullable=False),
        sa.Column("fault", sa.JSON),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("established", sa.Boolean, nullable=False),
        sa.Column("conditions", sa.JSON, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("declared_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("ready_at", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("lease_owner", sa.String(200)),
        sa.Column("lease_epoch", sa.BigInteger, nullable=False),
        sa.Column("lease_until", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_stores"),
        sa.UniqueConstraint("cluster", "name", name="uq_stores_cluster_name"),
    )
    op.create_index("ix_stores_due_at", "stores", ["due_at"])
    op.create_index("ix_stores_created_at_id", "stores", ["created_at", "id"])
    op.create_index("ix_stores_updated_at", "stores", ["updated_at"])
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("store_id", sa.String(36), nullable=False),
        sa.Column("store_name", sa.String(40), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(63), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("step", sa.String(63)),
        sa.Column("status", sa.String(16)),
        sa.Column("duration", sa.Float),
        sa.Column("error_id", sa.String(16)),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_store_id_id", "events", ["store_id", "id"])
    op.create_index("ix_events_store_name_id", "events", ["store_name", "id"])
    op.create_table(
        "workers",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("cluster", sa.String(63), nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_workers"),
    )
