"""The store of a single gateway: one SQLite file, one row for each ISAKMP SA and each lease.

The row of an ISAKMP SA has its pairs of IPsec SAs as well. If there are many, each pair has a row of its own, so that
the cost of a change does not grow with the number of pairs.

The file holds the keys of every SA, so only the daemon has access: mode 0600, in a folder where others cannot write,
and locked while the daemon runs. Keys of deleted SAs do not stay in it: SQLite overwrites what it deletes, and the
write-ahead log (WAL), which contains recent writes, is truncated soon after each write.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import msgspec

from ikev1.core.records.actions import Forget, Keep
from ikev1.core.records.child_sa import ChildSa
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.record import replace
from ikev1.files.private import check_folder, check_private, open_private
from ikev1.store.store import Lease, StoreError

FORMAT = 2  # PRAGMA user_version: of the tables, not of the records in them, which grow by fields with defaults
_READABLE = (0, 1, FORMAT)  # 0: a new file; 1: without rows for pairs
OVERWRITTEN = 0x494B4531  # PRAGMA application_id: all that was ever deleted from the file was overwritten

_BESIDE = ("-wal", "-shm", "-journal")  # files that SQLite creates, and trusts if they exist

_DECODER = msgspec.msgpack.Decoder(IkeSa)
_PAIRS = msgspec.msgpack.Decoder(ChildSa)
_LEASES = msgspec.msgpack.Decoder(Lease)
_ENCODER = msgspec.msgpack.Encoder()
_MOST_TOGETHER = 8  # pairs in the row of their ISAKMP SA


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
    """A `ikev1.store.store.Store` in the file ``path``, which is created if missing.

    If others can read the files, their mode is corrected. Overwritten and deleted records are erased from the files by
    `tidy`, by `close`, or when the store is opened again after a process that called neither.

    A write survives the end of the process as soon as it returns; a power failure may lose the last writes
    (``synchronous = NORMAL``), because waiting for the disk in every handshake costs more than negotiating again.

    Raises:
        StoreError: the file cannot be opened, has another format, is locked by another process, or another user could
            read or change it (`ikev1.files.private`).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failures = _Failures(path)
        self._rows: dict[int, dict[int, ChildSa]] = {}  # by ISAKMP SA: its pairs with rows of their own, if read yet
        with self._failures:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # so that nobody can replace the checked files with links before SQLite opens them
            check_folder(path.parent)
            os.close(open_private(path, os.O_RDWR))  # SQLite itself would only apply the umask
            for suffix in _BESIDE:
                check_private(path.with_name(path.name + suffix))
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
        self._database.execute("PRAGMA secure_delete = ON")
        self._database.execute("PRAGMA temp_store = MEMORY")  # for VACUUM, which would write keys to a folder for all
        (found,) = self._database.execute("PRAGMA user_version").fetchone()
        if found not in _READABLE:
            raise StoreError(f"{self._path} has format {found}; this version reads format {FORMAT}")
        with self._transaction():
            self._database.execute("CREATE TABLE IF NOT EXISTS ike_sa (id INTEGER PRIMARY KEY, record BLOB) STRICT")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS pair (id INTEGER PRIMARY KEY, ike_sa INTEGER, record BLOB) STRICT"
            )
            self._database.execute("CREATE INDEX IF NOT EXISTS pairs_of ON pair (ike_sa)")
            self._database.execute("CREATE TABLE IF NOT EXISTS lease (address TEXT PRIMARY KEY, record BLOB) STRICT")
            self._database.execute(f"PRAGMA user_version = {FORMAT}")
        self._rows = {id: {} for (id,) in self._database.execute("SELECT DISTINCT ike_sa FROM pair")}
        (overwritten,) = self._database.execute("PRAGMA application_id").fetchone()
        if overwritten != OVERWRITTEN:
            self._database.execute("VACUUM")
            self._database.execute(f"PRAGMA application_id = {OVERWRITTEN}")
        self._empty_log()  # a process that was killed left it

    def _empty_log(self) -> None:
        (busy, *_) = self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise StoreError(f"cannot truncate {self._path}-wal: another program is reading it")

    def write(self, changes: Iterable[Keep | Forget]) -> None:
        """Apply ``changes`` in one transaction; of several for one SA only the last is written."""
        last = {change.sa.unique_id: change for change in changes}
        kept = [change.sa for change in last.values() if isinstance(change, Keep)]
        forgotten = [(id,) for id, change in last.items() if isinstance(change, Forget)]
        rows = {id: _rows_of(change) for id, change in last.items()}
        with_rows = {id: pairs for id, pairs in rows.items() if pairs or id in self._rows}
        records = [
            (sa.unique_id, _ENCODER.encode(replace(sa, children=()) if rows[sa.unique_id] else sa)) for sa in kept
        ]
        # a statement that changes one row is a transaction by itself
        together = self._transaction() if len(last) > 1 or with_rows else nullcontext()
        with self._failures, together:
            if records:
                self._database.executemany("INSERT OR REPLACE INTO ike_sa VALUES (?, ?)", records)
            if forgotten:
                self._database.executemany("DELETE FROM ike_sa WHERE id = ?", forgotten)
            self._write_rows(with_rows)
        for id, pairs in with_rows.items():
            if pairs:
                self._rows[id] = pairs
            else:
                del self._rows[id]

    def _write_rows(self, changed: dict[int, dict[int, ChildSa]]) -> None:
        """Give the ISAKMP SAs these pairs as rows of their own, and no other ones: what is there is not written again.

        A pair that moves from one ISAKMP SA to another one has one row: those that leave are deleted first.
        """
        for id, pairs in changed.items():
            known = self._rows.get(id, {})
            if pairs and known:
                gone = [(number, id) for number in known if number not in pairs]
                self._database.executemany("DELETE FROM pair WHERE id = ? AND ike_sa = ?", gone)
            else:
                self._database.execute("DELETE FROM pair WHERE ike_sa = ?", (id,))
        for id, pairs in changed.items():
            known = self._rows.get(id, {})
            new = [
                (number, id, _ENCODER.encode(child))
                for number, child in pairs.items()
                if known.get(number) is not child and known.get(number) != child
            ]
            self._database.executemany("INSERT OR REPLACE INTO pair VALUES (?, ?, ?)", new)

    def read(self) -> tuple[list[IkeSa], int]:
        """All SAs in the order of their numbers, and the number of unreadable records, which are deleted."""
        sas: dict[int, IkeSa] = {}
        unreadable: list[tuple[int]] = []
        unreadable_pairs: list[tuple[int]] = []
        with self._failures:
            for id, record in self._database.execute("SELECT id, record FROM ike_sa ORDER BY id"):
                try:
                    sas[id] = _DECODER.decode(record)
                except (msgspec.DecodeError, TypeError):
                    unreadable.append((id,))
            self._rows = {}
            for number, id, record in self._database.execute("SELECT id, ike_sa, record FROM pair ORDER BY id"):
                try:
                    self._rows.setdefault(id, {})[number] = _PAIRS.decode(record)
                except (msgspec.DecodeError, TypeError):
                    unreadable_pairs.append((number,))
            with self._transaction():
                self._database.executemany("DELETE FROM ike_sa WHERE id = ?", unreadable)
                self._database.executemany("DELETE FROM pair WHERE id = ?", unreadable_pairs)
                self._database.execute("DELETE FROM pair WHERE ike_sa NOT IN (SELECT id FROM ike_sa)")
        self._rows = {id: pairs for id, pairs in self._rows.items() if id in sas}
        for id, pairs in self._rows.items():
            sas[id] = replace(sas[id], children=(*sas[id].children, *pairs.values()))
        return list(sas.values()), len(unreadable) + len(unreadable_pairs)

    def write_leases(self, changed: Iterable[Lease], forgotten: Iterable[str]) -> None:
        """Apply all changes in one transaction."""
        kept = [(lease.address, _ENCODER.encode(lease)) for lease in changed]
        with self._failures, self._transaction():
            self._database.executemany("INSERT OR REPLACE INTO lease VALUES (?, ?)", kept)
            self._database.executemany("DELETE FROM lease WHERE address = ?", [(address,) for address in forgotten])

    def read_leases(self) -> list[Lease]:
        """All leases; unreadable ones are deleted."""
        leases: list[Lease] = []
        unreadable: list[tuple[str]] = []
        with self._failures:
            for address, record in self._database.execute("SELECT address, record FROM lease"):
                try:
                    leases.append(_LEASES.decode(record))
                except (msgspec.DecodeError, TypeError):
                    unreadable.append((address,))
            with self._transaction():
                self._database.executemany("DELETE FROM lease WHERE address = ?", unreadable)
        return leases

    def tidy(self) -> None:
        """Erase overwritten and deleted records from the file and its write-ahead log.

        This waits for the disk.
        """
        with self._failures:
            self._empty_log()

    def close(self) -> None:
        """Close the file; closing twice is no error."""
        with self._failures:
            self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._database:  # commits at its end, or rolls back
            self._database.execute("BEGIN IMMEDIATE")
            yield


def _rows_of(change: Keep | Forget) -> dict[int, ChildSa]:
    """The pairs that have rows of their own after ``change``, by their numbers."""
    if isinstance(change, Forget) or len(change.sa.children) <= _MOST_TOGETHER:
        return {}
    return {child.unique_id: child for child in change.sa.children}
