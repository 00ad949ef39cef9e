"""A host belongs to one store of a cluster."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Have the database refuse the second store of a host."""
    op.create_index("uq_stores_cluster_host", "stores", ["cluster", "host"], unique=True)
