"""Records: values that do not change, can be dumped, and keep their secrets."""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec
import pytest
import rich.console

from configured import ALICE, BOB, SECRET, connection, settings, tunnel
from ikev1.core import engine
from ikev1.core.engine import Engine
from ikev1.core.machine import stateless_responder
from ikev1.core.records import child_sa, exchange, ike_sa, path, selector
from ikev1.core.records import settings as settings_module
from ikev1.core.records.actions import AllocateSpi
from ikev1.core.records.child_sa import IpsecKeys
from ikev1.core.records.exchange import KeyShare, TransactionData
from ikev1.core.records.ike_sa import Keys, PeerKey, Renewal
from ikev1.core.records.record import Record, replace
from playbook import Network


def records_in(module: ModuleType) -> Iterator[type[Record]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Record) and value.__module__ == module.__name__:
            yield value


STATE = (path, child_sa, exchange, ike_sa, selector)
ALL = [kind for module in (*STATE, settings_module, stateless_responder, engine) for kind in records_in(module)]


def records_of(value: Any) -> Iterator[Record]:
    """Every record in ``value``, at any depth."""
    if isinstance(value, Record):
        yield value
        for name in value.__struct_fields__:
            yield from records_of(getattr(value, name))
    elif isinstance(value, (tuple, list, frozenset)):
        for each in value:
            yield from records_of(each)


def printed(value: object) -> str:
    """What `rich` makes of it."""
    out = io.StringIO()
    rich.console.Console(file=out, width=10_000).print(value)
    return out.getvalue()


@pytest.mark.parametrize("kind", ALL)
def test_no_record_changes_or_is_watched_by_the_collector(kind: type[Record]) -> None:
    assert kind.__struct_config__.frozen
    assert not kind.__struct_config__.gc
    assert kind.secret_fields <= set(kind.__struct_fields__), "a secret field is misspelt"


@pytest.mark.parametrize("kind", ALL)
def test_fields_that_are_named_like_secrets_are_secret(kind: type[Record]) -> None:
    telling = ("key", "secret", "SKEYID", "private", "password")
    named = {
        name
        for name, info in zip(kind.__struct_fields__, msgspec.structs.fields(kind), strict=True)
        if info.type is bytes and any(word in name for word in telling)
    }
    assert named <= kind.secret_fields


@pytest.mark.parametrize(
    "record",
    [
        KeyShare(b"PRIVATE", b"public"),
        Keys(b"PRIVATE", b"PRIVATE d", b"PRIVATE a", b"PRIVATE e", b"last block"),
        IpsecKeys(4711, b"PRIVATE", b"PRIVATE"),
        connection(ALICE, BOB, secret=b"PRIVATE"),
        settings(connection(ALICE, BOB, secret=b"PRIVATE")),
        (connection(ALICE, BOB, secret=b"PRIVATE"),),
    ],
)
def test_secrets_are_in_no_text(record: object) -> None:
    for text in (repr(record), str(record), f"{record}", printed(record)):
        assert "PRIVATE" not in text
        assert "secret" in text


def test_what_an_engine_holds_shows_no_key_at_any_time(network: Network) -> None:
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel())))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True))))
    secrets = {SECRET}
    texts = []
    alice.calls("net")
    while network.flying:
        network.deliver(network.flying.popleft())
        for peer in (alice, bob):
            found = [record for sa in peer.engine.sas.values() for record in records_of(sa)]
            secrets |= {getattr(record, name) for record in found for name in record.secret_fields}
            texts += [repr(list(peer.engine.sas.values())), printed(list(peer.engine.sas.values()))]
    texts += [repr(event) for peer in (alice, bob) for event in peer.events]
    assert len(secrets) > 10, "the shared one, two private ones, SKEYID with all its descendants, four of ESP"
    for secret in secrets - {b""}:
        for text in texts:
            assert repr(secret)[2:-1] not in text
            assert secret.hex() not in text


def test_every_kind_of_record_survives_a_dump(network: Network) -> None:
    """What an engine holds half way and at the end is made of every kind there is."""
    alice = network.peer("alice", ALICE, settings(connection(ALICE, BOB, tunnel(compress=True))))
    bob = network.peer("bob", BOB, settings(connection(BOB, ALICE, tunnel(compress=True, mirrored=True))))
    bob.delays = {AllocateSpi}
    alice.calls("net")
    kinds: set[type[Record]] = set()
    asked = False
    while network.flying or bob.unanswered:
        if network.flying:
            network.deliver(network.flying.popleft())
        else:
            bob.gives_answers()
        if not network.flying and not bob.unanswered and not asked:
            asked = True
            alice.does(lambda engine: engine.rekey_ike(alice.sa.unique_id, network.now))
        for peer in (alice, bob):
            for record in [each for sa in peer.engine.sas.values() for each in records_of(sa)]:
                kinds.add(type(record))
                assert msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=type(record)) == record
    kinds |= {TransactionData, Renewal}  # tests/core/test_rounds.py, tests/core/test_dead_peers.py
    kinds |= {PeerKey}  # which no SA holds
    assert kinds == {kind for module in STATE for kind in records_in(module)}


def test_settings_survive_a_dump() -> None:
    whole = settings(connection(ALICE, BOB, tunnel()))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(whole), type=type(whole)) == whole


def test_replacing_leaves_the_original_alone() -> None:
    share = KeyShare(b"x", b"y")
    assert replace(share, private=b"") == KeyShare(b"", b"y")
    assert share == KeyShare(b"x", b"y")


@pytest.mark.parametrize("octets", [b"", b"\x93", b"not a dump", bytes(100)])
def test_what_is_no_dump_is_refused(octets: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        Engine.load(settings(), bytes, octets)
