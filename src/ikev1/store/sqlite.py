"""The store of a single gateway: one SQLite file, one row for each ISAKMP SA.

The file holds the keys of every SA, so it belongs to the daemon alone: mode 0600, and locked while it runs.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import msgspec

from ikev1.core.actions import Forget, Keep
from ikev1.core.model import IkeSa
from ikev1.store.store import StoreError

__all__ = ["SqliteStore"]

FORMAT = 1  # PRAGMA user_version: of the table, not of the records in it, which grow by fields with defaults

_DECODER = msgspec.msgpack.Decoder(IkeSa)
_ENCODER = msgspec.msgpack.Encoder()


class _Failures:
    """Turns what SQLite and the file system raise about ``path`` into `StoreError`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (sqlite3.Error, OSError)):
            raise StoreError(f"{self._path}: {error}") from error


class SqliteStore:
    """A `ikev1.store.store.Store` in the file ``path``, which is made where there is none.

    A write survives the end of the process as soon as it returns; the end of the machine's power may take the last
    moments with it (``synchronous = NORMAL``), for a wait for the disk in every handshake would cost more than peers
    that negotiate once again.

    Raises:
        StoreError: the file cannot be opened, is none of ours, or another process has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failures = _Failures(path)
        with self._failures:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite itself would obey the umask only
            self._database = sqlite3.connect(path, isolation_level=None, timeout=0.0)
        try:
            with self._failures:
                self._prepare()
        except StoreError:
            self._database.close()
            raise

    def _prepare(self) -> None:
        self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        (found,) = self._database.execute("PRAGMA user_version").fetchone()
        if found not in (0, FORMAT):
            raise StoreError(f"{self._path} has format {found}; this version reads format {FORMAT}")
        with self._transaction():
            self._database.execute("CREATE TABLE IF NOT EXISTS ike_sa (id INTEGER PRIMARY KEY, record BLOB) STRICT")
            self._database.execute(f"PRAGMA user_version = {FORMAT}")

    def write(self, changes: Iterable[Keep | Forget]) -> None:
        """Obey ``changes`` in one transaction; of several that concern one SA only the last is written."""
        last = {change.sa.unique_id: change for change in changes}
        kept = [(id, _ENCODER.encode(change.sa)) for id, change in last.items() if isinstance(change, Keep)]
        forgotten = [(id,) for id, change in last.items() if isinstance(change, Forget)]
        # a statement that changes one row is a transaction by itself
        together = self._transaction() if len(last) > 1 else nullcontext()
        with self._failures, together:
            if kept:
                self._database.executemany("INSERT OR REPLACE INTO ike_sa VALUES (?, ?)", kept)
            if forgotten:
                self._database.executemany("DELETE FROM ike_sa WHERE id = ?", forgotten)

    def read(self) -> tuple[list[IkeSa], int]:
        """All SAs in the order of their numbers, and how many records could not be read and were dropped."""
        sas: list[IkeSa] = []
        unreadable: list[tuple[int]] = []
        with self._failures:
            for id, record in self._database.execute("SELECT id, record FROM ike_sa ORDER BY id"):
                try:
                    sas.append(_DECODER.decode(record))
                except (msgspec.DecodeError, TypeError):
                    unreadable.append((id,))
            with self._transaction():
                self._database.executemany("DELETE FROM ike_sa WHERE id = ?", unreadable)
        return sas, len(unreadable)

    def close(self) -> None:
        """Close the file; closing twice is no error."""
        with self._failures:
            self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._database:  # commits at its end, or rolls back
            self._database.execute("BEGIN IMMEDIATE")
            yield
