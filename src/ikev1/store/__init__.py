"""Stores ISAKMP SAs and leases of virtual addresses, so that they survive a restart of the daemon."""

from ikev1.store.sqlite import SqliteStore
from ikev1.store.store import Lease, Store, StoreError
from ikev1.store.wall_time import WallTimeStore

__all__ = ["Lease", "SqliteStore", "Store", "StoreError", "WallTimeStore"]
