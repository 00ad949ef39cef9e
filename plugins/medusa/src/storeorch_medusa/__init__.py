"""The store type ``medusa``: Medusa 2 on PostgreSQL."""

from storeorch_medusa.plugin import Medusa, MedusaParameters

__all__ = ["Medusa", "MedusaParameters"]
