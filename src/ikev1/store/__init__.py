"""Where ISAKMP SAs outlive the process that negotiated them."""

from ikev1.store.sqlite import SqliteStore
from ikev1.store.store import Store, StoreError

__all__ = ["SqliteStore", "Store", "StoreError"]
