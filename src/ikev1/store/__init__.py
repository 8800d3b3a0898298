"""Stores ISAKMP SAs, so that they survive a restart of the daemon."""

from ikev1.store.sqlite import SqliteStore
from ikev1.store.store import Store, StoreError
from ikev1.store.wall_time import WallTimeStore

__all__ = ["SqliteStore", "Store", "StoreError", "WallTimeStore"]
