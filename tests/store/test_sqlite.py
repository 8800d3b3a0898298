"""The SQLite store: what was written is there after the process is gone, and only the daemon may read it."""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikev1.core.records.actions import Forget, Keep
from ikev1.core.records.child_sa import ChildSa, IpsecKeys, IpsecSuite
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, IkeState, Keys
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.store import Lease, SqliteStore, StoreError

PATH = UdpPath("192.0.2.1", 500, "192.0.2.2", 500)
CHILD = ChildSa(
    unique_id=2,
    name="net",
    connection="branch",
    suite=IpsecSuite(12, 128, 5),
    inbound=IpsecKeys(1, b"k" * 16, b"a" * 32),
    outbound=IpsecKeys(2, b"l" * 16, b"b" * 32),
    local=Selector.parse("10.1.0.0/16"),
    remote=Selector.parse("2001:db8::/32"),
    path=PATH,
    udp_encapsulation=False,
    initiator=True,
    created_at=1.5,
)


def sa(unique_id: int) -> IkeSa:
    return IkeSa(
        unique_id,
        "branch",
        Role.INITIATOR,
        PATH,
        unique_id.to_bytes(8),
        b"r" * 8,
        created_at=1.0,
        state=IkeState.ESTABLISHED,
        keys=Keys(b"", b"d" * 32, b"a" * 32, b"e" * 16, b"l" * 16),
        children=(CHILD,),
        spent_message_ids=(3, 4),
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "sas.sqlite"


def reopened(file: Path) -> list[IkeSa]:
    store = SqliteStore(file)
    sas, dropped = store.read()
    store.close()
    assert dropped == 0
    return sas


def test_what_is_kept_is_read_again_as_it_was(file: Path) -> None:
    store = SqliteStore(file)
    store.write([Keep(sa(1)), Keep(sa(2))])
    store.write([Keep(replace(sa(1), children=())), Forget(sa(2)), Keep(sa(3))])
    store.close()
    assert reopened(file) == [replace(sa(1), children=()), sa(3)]


def with_pairs(unique_id: int, pairs: int, time: int = 0) -> IkeSa:
    """An ISAKMP SA with so many pairs, of which every third one is not always the same."""
    numbers = range(100 * unique_id, 100 * unique_id + pairs)
    children = tuple(replace(CHILD, unique_id=n, created_at=float(n % 3 and time)) for n in numbers)
    return replace(sa(unique_id), created_at=float(time), children=children)


_CHANGE = st.tuples(st.sampled_from([Keep, Forget]), st.integers(1, 4), st.integers(0, 12), st.integers(0, 9))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.lists(_CHANGE)), st.sets(st.integers(0, 9)))
def test_the_last_change_counts_however_changes_are_grouped(
    tmp_path_factory: pytest.TempPathFactory,
    groups: list[list[tuple[type[Keep] | type[Forget], int, int, int]]],
    reopened_before: set[int],
) -> None:
    file = tmp_path_factory.mktemp("store") / "sas.sqlite"
    store, expected = SqliteStore(file), {}
    for place, group in enumerate(groups):
        if place in reopened_before:
            store.close()
            store = SqliteStore(file)
        changes = [kind(with_pairs(number, pairs, time)) for kind, number, pairs, time in group]
        store.write(changes)
        for change in changes:
            if isinstance(change, Keep):
                expected[change.sa.unique_id] = change.sa
            else:
                expected.pop(change.sa.unique_id, None)
    store.close()
    assert {found.unique_id: found for found in reopened(file)} == expected


def test_a_pair_moves_from_one_isakmp_sa_to_another(file: Path) -> None:
    store, one, other = SqliteStore(file), with_pairs(1, 12), with_pairs(2, 12)
    store.write([Keep(one), Keep(other)])
    moved = replace(other, children=(one.children[0], *other.children))
    store.write([Keep(moved)])
    left = replace(one, children=one.children[1:])
    store.write([Keep(left)])
    assert store.read() == ([left, moved], 0)
    store.write([Keep(replace(moved, children=(*left.children, *moved.children))), Forget(left)])
    store.close()
    (found,) = reopened(file)
    assert {child.unique_id for child in found.children} == {child.unique_id for child in one.children + other.children}


def test_a_pair_that_did_not_change_is_not_written_again(file: Path) -> None:
    store, many = SqliteStore(file), with_pairs(1, 1000)
    store.write([Keep(many)])
    store.tidy()
    for pair in range(10):
        children = (*many.children[:pair], replace(many.children[pair], replay_window=77), *many.children[pair + 1 :])
        many = replace(many, children=children)
        store.write([Keep(many)])
    assert file.with_name(file.name + "-wal").stat().st_size < 400_000  # all of it ten times were 4 MB
    store.close()
    assert reopened(file) == [many]


def test_a_pair_that_cannot_be_read_is_left_out(file: Path) -> None:
    store, many = SqliteStore(file), with_pairs(1, 12)
    store.write([Keep(many)])
    store.close()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("UPDATE pair SET record = ? WHERE id = 103", (b"junk",))
    store = SqliteStore(file)
    left = replace(many, children=tuple(child for child in many.children if child.unique_id != 103))
    assert store.read() == ([left], 1)
    store.close()
    assert reopened(file) == [left]


def test_a_file_of_the_format_before_is_read(file: Path) -> None:
    SqliteStore(file).close()
    many = with_pairs(1, 12)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DROP TABLE pair")
        database.execute("INSERT INTO ike_sa VALUES (1, ?)", (msgspec.msgpack.encode(many),))
        database.execute("PRAGMA user_version = 1")
    assert reopened(file) == [many]
    store = SqliteStore(file)
    store.write([Keep(replace(many, created_at=5.0))])
    store.close()
    assert reopened(file) == [replace(many, created_at=5.0)]


def test_a_process_that_is_killed_loses_nothing_that_was_written(file: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from ikev1.core.records.actions import Keep\n"
        "from ikev1.core.records.exchange import Role\n"
        "from ikev1.core.records.ike_sa import IkeSa\n"
        "from ikev1.core.records.path import UdpPath\n"
        "from ikev1.store import SqliteStore\n"
        "path = UdpPath('192.0.2.1', 500, '192.0.2.2', 500)\n"
        "store = SqliteStore(Path(sys.argv[1]))\n"
        "store.write([Keep(IkeSa(5, 'branch', Role.RESPONDER, path, b'i' * 8, b'r' * 8, 1.0))])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    assert [found.unique_id for found in reopened(file)] == [5]


def test_nobody_else_may_read_it(file: Path) -> None:
    store = SqliteStore(file)
    store.write([Keep(sa(1))])
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in file.parent.iterdir()} == {0o600}
    with pytest.raises(StoreError, match="locked"):
        SqliteStore(file)
    store.close()


def secret(unique_id: int) -> bytes:
    """A SKEYID_d that is found nowhere else."""
    return hashlib.sha512(unique_id.to_bytes(4)).digest()


def with_secret(unique_id: int) -> IkeSa:
    return replace(sa(unique_id), keys=Keys(b"", secret(unique_id), b"a" * 32, b"e" * 16, b"l" * 16))


def found_in(folder: Path) -> set[int]:
    """The numbers of the SAs of which a part of SKEYID_d is in a file of ``folder``."""
    content = b"".join(each.read_bytes() for each in folder.iterdir())
    return {number for number in range(1, 41) if secret(number)[:16] in content or secret(number)[-16:] in content}


def test_the_thief_of_the_file_finds_no_keys_of_sas_that_are_gone(file: Path) -> None:
    store = SqliteStore(file)
    for number in range(1, 41):
        store.write([Keep(with_secret(number))])
    store.write([Keep(sa(1))])
    store.write([Forget(with_secret(number)) for number in range(2, 40)])
    assert found_in(file.parent) == set(range(1, 41)), "it lies in the log: without that this test shows nothing"
    store.tidy()
    assert found_in(file.parent) == {40}
    store.close()
    assert found_in(file.parent) == {40}
    assert reopened(file) == [sa(1), with_secret(40)]


def test_the_thief_finds_none_either_once_a_process_comes_after_one_that_was_killed(file: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from ikev1.core.records.actions import Forget\n"
        "from ikev1.store import SqliteStore\n"
        "store = SqliteStore(Path(sys.argv[1]))\n"
        "store.write([Forget(sa) for sa in store.read()[0]])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    store = SqliteStore(file)
    store.write([Keep(with_secret(number)) for number in range(1, 41)])
    store.close()
    subprocess.run([sys.executable, "-c", program, str(file)], check=False)
    assert found_in(file.parent) == set(range(1, 41))
    store = SqliteStore(file)
    assert found_in(file.parent) == set()
    store.close()


def test_what_an_earlier_version_deleted_and_did_not_overwrite_is_destroyed(file: Path) -> None:
    store = SqliteStore(file)
    store.write([Keep(with_secret(number)) for number in range(1, 41)])
    store.close()
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA application_id = 0")
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("DELETE FROM ike_sa WHERE id > 3")
        database.commit()
    assert len(found_in(file.parent)) > 30
    SqliteStore(file).close()
    assert found_in(file.parent) == {1, 2, 3}


def test_files_that_everybody_could_read_are_closed(file: Path) -> None:
    SqliteStore(file).close()
    for each in (file, file.with_name("sas.sqlite-wal"), file.with_name("sas.sqlite-shm")):
        each.touch()
        each.chmod(0o644)
    store = SqliteStore(file)
    store.write([Keep(sa(1))])
    assert {stat.S_IMODE(entry.stat().st_mode) for entry in file.parent.iterdir()} == {0o600}
    store.close()


@pytest.mark.parametrize("name", ["sas.sqlite", "sas.sqlite-wal", "sas.sqlite-journal"])
@pytest.mark.parametrize("trap", ["link", "hard link", "fifo"])
def test_a_file_that_somebody_else_prepared_is_refused_and_left_alone(file: Path, name: str, trap: str) -> None:
    SqliteStore(file).close()
    place, victim = file.parent / name, file.parent.parent / "victim"
    place.unlink(missing_ok=True)
    victim.write_bytes(b"")
    if trap == "link":
        place.symlink_to(victim)
    elif trap == "hard link":
        place.hardlink_to(victim)
    else:
        os.mkfifo(place)
    with pytest.raises(StoreError, match=re.escape(name)):
        SqliteStore(file)
    assert victim.read_bytes() == b""


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_folder_in_which_others_can_put_files_is_refused(file: Path, mode: int) -> None:
    file.parent.mkdir()
    file.parent.chmod(mode)
    with pytest.raises(StoreError, match=r"mode \d{4}"):
        SqliteStore(file)
    assert list(file.parent.iterdir()) == []


def test_a_record_that_nobody_can_read_is_dropped_and_counted(file: Path) -> None:
    store = SqliteStore(file)
    store.write([Keep(sa(1))])
    store.close()
    with sqlite3.connect(file) as database:
        database.execute("INSERT INTO ike_sa VALUES (2, x'00'), (3, NULL)")
    database.close()
    store = SqliteStore(file)
    assert store.read() == ([sa(1)], 2)
    assert store.read() == ([sa(1)], 0)
    store.close()


def test_a_file_of_another_kind_is_refused_and_left_alone(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"no database at all, " * 100)
    with pytest.raises(StoreError, match="not a database"):
        SqliteStore(file)
    assert file.read_bytes() == b"no database at all, " * 100


def test_a_file_of_a_later_format_is_refused(file: Path) -> None:
    SqliteStore(file).close()
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA user_version = 9")
    database.close()
    with pytest.raises(StoreError, match="format 9"):
        SqliteStore(file)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("")
    with pytest.raises(StoreError, match="occupied"):
        SqliteStore(tmp_path / "occupied" / "sas.sqlite")


def test_leases_are_read_again_as_they_were(file: Path) -> None:
    one = Lease("10.99.0.10", "alice", pool="office", changed_at=5.5)
    two = Lease("fd00::10", "CN=gw", is_user=False, online=False)
    store = SqliteStore(file)
    store.write_leases([one, replace(one, address="10.99.0.11"), replace(two, online=True)], [])
    store.write_leases([two], ["10.99.0.11"])
    store.write([Keep(sa(1))])
    store.close()
    with closing(SqliteStore(file)) as store:
        assert sorted(store.read_leases(), key=lambda lease: lease.address) == [one, two]
        assert [kept.unique_id for kept in store.read()[0]] == [1]


def test_an_unreadable_lease_is_deleted(file: Path) -> None:
    lease = Lease("10.99.0.10", "alice")
    with closing(SqliteStore(file)) as store:
        store.write_leases([lease], [])
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("INSERT INTO lease VALUES ('10.99.0.11', x'00')")
    with closing(SqliteStore(file)) as store:
        assert store.read_leases() == [lease]
        assert store.read_leases() == [lease]
