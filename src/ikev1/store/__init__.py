"""Stores ISAKMP SAs, so that they survive a restart of the daemon."""

from ikev1.store.sqlite import SqliteStore
from ikev1.store.store import Store, StoreError

__all__ = ["SqliteStore", "Store", "StoreError"]
