"""What clients load over VICI: it is used beside the file, and the client of PyPI is told what is wrong with it."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import vici
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from vici.exception import CommandException

from authority import root
from ikev1.core.records.events import Code
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Pool, Settings
from ikev1.daemon.vici import loaded, server
from ikev1.daemon.vici.codec import PacketType, build_packet, segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.daemon.conftest import Meet, Side

    from ikev1.config.formats.swanctl.loaded import Items
    from ikev1.daemon.early_callers import Datagram

SECRET = "between the two of us"
SHARED = {"type": "IKE", "id": "ike-them", "data": SECRET, "owners": ["127.0.0.2"]}


def them(side: Side, **more: Any) -> dict[str, Any]:
    """A connection to the other gateway, which has another name in our file."""
    port = side.gateway.settings.connections[0].remote_port
    child = {"local_ts": ["10.1.0.0/16"], "remote_ts": ["10.2.0.0/16"], "esp_proposals": ["aes128-sha256"]}
    child |= more.pop("child", {})
    return {
        "version": "1",
        "local_addrs": ["127.0.0.1"],
        "remote_addrs": ["127.0.0.2"],
        "remote_port": port,
        "proposals": ["aes128-sha256-ecp256"],
        "local": {"auth": "psk"},
        "remote": {"auth": "psk", "id": "127.0.0.2"},
        "children": {"lan": child},
        **more,
    }


async def ask(side: Side, conversation: Callable[[Any], Any]) -> Any:
    """What ``conversation`` returns when it is given a session of the client of PyPI."""

    def talk() -> Any:
        with closing(socket.socket(socket.AF_UNIX)) as stream:
            stream.settimeout(60)
            stream.connect(str(side.control))
            return conversation(vici.Session(stream))

    return await asyncio.to_thread(talk)


def refused(call: Callable[..., Any], request: dict[str, Any]) -> str:
    """Why ``request`` is refused."""
    with pytest.raises(CommandException) as caught:
        call(request)
    return str(caught.value)


def names(session: Any) -> list[str]:
    return [name for event in session.list_conns() for name in event]


def test_a_connection_is_used_as_soon_as_it_has_its_secret(meet: Meet) -> None:
    async def scenario(us: Side, other: Side) -> None:
        def load(session: Any) -> None:
            session.load_conn({"office": them(us)})
            assert session.get_conns()["conns"] == [b"office"]
            assert "connections.office: requires a pre-shared key" in waiting(session)
            session.load_shared(SHARED)
            assert session.get_shared()["keys"] == [b"ike-them"]
            assert names(session) == ["branch", "office"]
            list(session.initiate({"child": "lan"}))
            (sa,) = session.list_sas()
            (pair,) = sa["office"]["child-sas"].values()
            assert pair["name"] == b"lan"

        await ask(us, load)

    def waiting(session: Any) -> str:
        return refused(lambda request: list(session.initiate(request)), {"child": "lan"})

    meet(scenario)


def test_unloading_leaves_the_sas_and_the_file(meet: Meet) -> None:
    async def scenario(us: Side, other: Side) -> None:
        def load(session: Any) -> None:
            session.load_shared(SHARED)
            session.load_conn({"branch": them(us)})  # in place of that in the file
            (event,) = session.list_conns()
            assert list(event["branch"]["children"]) == ["lan"]
            list(session.initiate({"child": "lan"}))
            session.unload_conn({"name": "branch"})
            (event,) = session.list_conns()
            assert list(event["branch"]["children"]) == ["net"]
            (sa,) = session.list_sas()
            assert sa["branch"]["state"] == b"ESTABLISHED"
            assert "not found" in refused(session.unload_conn, {"name": "branch"})

        await ask(us, load)

    meet(scenario)


def test_tunnels_that_start_by_themselves_come_and_go_with_their_connection(meet: Meet) -> None:
    async def scenario(us: Side, other: Side) -> None:
        started = them(us, child={"start_action": "start"})
        await ask(us, lambda session: (session.load_shared(SHARED), session.load_conn({"office": started})))
        await us.until(lambda: us.gateway.is_up("office", "lan"))
        (first,) = us.gateway.sas()

        await ask(us, lambda session: session.load_conn({"office": started}))
        assert us.gateway.sas() == (first,)  # nothing has changed
        changed = them(us, dpd_delay="30s", child={"start_action": "start"})
        await ask(us, lambda session: session.load_conn({"office": changed}))
        await us.until(lambda: us.gateway.is_up("office", "lan") and first not in us.gateway.sas())

        await ask(us, lambda session: session.unload_conn({"name": "office"}))
        await us.until(lambda: not us.gateway.sas())

    meet(scenario)


def test_an_operators_word_about_other_tunnels_holds(meet: Meet) -> None:
    async def scenario(us: Side, other: Side) -> None:
        def load(session: Any) -> None:
            session.load_shared(SHARED)
            session.load_conn({"office": them(us, child={"start_action": "start"})})
            list(session.initiate({"child": "lan"}))
            list(session.terminate({"ike": "office"}))
            session.load_conn({"more": them(us, children={"more": {"remote_ts": ["10.9.0.0/16"]}})})
            assert names(session) == ["branch", "office", "more"]

        await ask(us, load)
        assert not us.gateway.autostart.deadline < float("inf")

    meet(scenario)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"proposal": ["aes128"]}, "unknown"),
        ({"remote_addrs": "127.0.0.2"}, "unknown option: remote_addrs"),
        ({"dpd_delay": ["30s"]}, "unknown option: dpd_delay"),
        ({"dpd_delay": "soon"}, "connections.office.dpd_delay"),
        ({"version": "2"}, "IKEv2"),
        ({"remote": {"auth": "eap-md5"}}, "not a method of IKEv1"),
        ({"children": {"lan": {"start_action": "tarp"}}}, "connections.office.children.lan.start_action"),
        ({"children": {"lan": {"reqid": "7"}}}, "reqid"),
        ({"local": {"auth": "psk", "id": b"\xff"}}, "not UTF-8"),
    ],
)
def test_a_connection_that_cannot_be_used_is_refused(meet: Meet, change: dict[str, Any], reason: str) -> None:
    async def scenario(us: Side, other: Side) -> None:
        def load(session: Any) -> None:
            session.load_conn({"office": them(us)})
            assert reason in refused(session.load_conn, {"office": them(us) | change})
            assert session.get_conns()["conns"] == [b"office"]  # as it was
            assert "section" in refused(session.load_conn, {"office": "here"})

        await ask(us, load)

    meet(scenario)


def test_secrets_and_keys_are_known_by_their_ids(meet: Meet) -> None:
    der = Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    keys: list[Any] = [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())]

    async def scenario(us: Side, other: Side) -> None:
        def load(session: Any) -> None:
            ids = [session.load_key({"type": "any", "data": key.private_bytes(*der)})["id"] for key in keys]
            again = session.load_key({"type": "RSA", "data": keys[0].private_bytes(*der)})["id"]
            assert again == ids[0]
            assert len(ids[0]) == 40
            assert sorted(session.get_keys()["keys"]) == sorted(ids)
            assert "ECDSA" in refused(session.load_key, {"type": "rsa", "data": keys[1].private_bytes(*der)})
            assert "parsing ANY" in refused(session.load_key, {"type": "any", "data": "no key"})
            assert "type" in refused(session.load_key, {"type": "ed25519", "data": "no key"})
            session.unload_key({"id": ids[1]})
            assert session.get_keys()["keys"] == [ids[0]]
            assert "not found" in refused(session.unload_key, {"id": ids[1]})

            session.load_shared({"type": "xauth", "id": "x", "data": "hush", "owners": ["carol"]})
            session.load_shared({"type": "ike", "data": "hush"})
            assert session.get_shared()["keys"] == [b"x"]
            for kind in ("ppk", "ntlm", "pin", ""):
                assert "type" in refused(session.load_shared, {"type": kind, "data": "hush"})
            assert "data" in refused(session.load_shared, {"type": "ike"})
            session.unload_shared({"id": "nobody's"})  # as in charon
            session.clear_creds()
            assert session.get_shared()["keys"] == session.get_keys()["keys"] == []

        await ask(us, load)
        assert not [text for text in us.texts if "hush" in text]

    meet(scenario)


def test_certificates_are_checked(meet: Meet) -> None:
    async def scenario(us: Side, other: Side) -> None:
        def load(session: Any) -> None:
            for request in (
                {"type": "X509", "flag": "NONE", "data": "no certificate"},
                {"type": "X509", "flag": "AA", "data": "no certificate"},
                {"type": "X509_AC", "data": "no certificate"},
                {"type": "X509"},
            ):
                assert refused(session.load_cert, request)
            assert list(session.list_certs()) == []

        await ask(us, load)

    meet(scenario)


def test_pools_and_authorities(meet: Meet) -> None:
    async def scenario(us: Side, other: Side) -> None:
        def load(session: Any) -> None:
            session.load_pool({"office": {"addrs": "10.9.0.0/28", "dns": ["10.1.0.53", "10.1.0.54"]}})
            session.load_pool({"office": {"addrs": "10.9.0.0/28", "28672": ["welcome, all"]}})
            assert session.get_pools()["office"]["size"] == b"14"
            assert "missing addrs" in refused(session.load_pool, {"other": {"dns": ["10.1.0.53"]}})
            assert "invalid attribute: dns" in refused(session.load_pool, {"other": {"addrs": "::1", "dns": "::2"}})
            assert "expected a network" in refused(session.load_pool, {"other": {"addrs": "everywhere"}})
            assert "overlap" in refused(session.load_pool, {"other": {"addrs": "10.9.0.1"}})
            assert "not found" in refused(session.unload_pool, {"name": "other"})
            session.unload_pool({"name": "office"})
            assert session.get_pools() == {}

            assert "CA certificate missing" in refused(session.load_authority, {"ca": {"crl_uris": ["http://x/"]}})
            assert "is no certificate" in refused(session.load_authority, {"ca": {"cacert": "no certificate"}})
            assert session.get_authorities()["authorities"] == []
            ca = root("CN=root").der
            uris = {"crl_uris": ["http://a.example/1", "http://a.example/2"], "ocsp_uris": ["http://b.example"]}
            session.load_authority({"ca": {"cacert": ca, **uris}})
            (listed,) = session.list_authorities()
            expected = {key: [uri.encode() for uri in found] for key, found in uris.items()}
            assert listed == {"ca": {"cacert": b"CN=root", **expected}}
            ldap = {"cacert": ca, "crl_uris": ["ldap://a.example"]}
            assert "expected http or https" in refused(session.load_authority, {"ca": ldap})
            session.unload_authority({"name": "ca"})
            assert list(session.list_authorities()) == []

        await ask(us, load)

    meet(scenario)


def test_requests_that_a_client_sends_ahead_are_answered_in_their_order(meet: Meet) -> None:
    async def scenario(us: Side, other: Side) -> None:
        def pipeline() -> list[int]:
            with closing(socket.socket(socket.AF_UNIX)) as stream:
                stream.settimeout(60)
                stream.connect(str(us.control))
                for name, message in (
                    ("load-shared", SHARED),
                    ("load-conn", {"office": them(us)}),
                    ("initiate", {"child": "lan"}),
                    ("version", {}),
                ):
                    stream.sendall(segment(build_packet(PacketType.CMD_REQUEST, name, text(message))))
                lengths = [int.from_bytes(stream.recv(4, socket.MSG_WAITALL)) for _ in [0]]
                found = []
                for _ in range(4):
                    found.append(stream.recv(lengths[-1], socket.MSG_WAITALL))
                    if len(found) < 4:
                        lengths.append(int.from_bytes(stream.recv(4, socket.MSG_WAITALL)))
            assert all(b"yes" in answer for answer in found[:3])
            assert b"ikev1" in found[3]
            return lengths

        assert len(await asyncio.to_thread(pipeline)) == 4

    def text(message: dict[str, Any]) -> dict[str, Any]:
        return {
            key: text(value) if isinstance(value, dict) else value if isinstance(value, list) else str(value)
            for key, value in message.items()
        }

    meet(scenario)


def test_what_is_loaded_is_bounded(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "MOST_OCTETS", 5000)

    async def scenario(us: Side, other: Side) -> None:
        def load(session: Any) -> None:
            for number in range(5):
                session.load_shared({"type": "ike", "id": str(number), "data": SECRET})
            assert "unload some of it" in refused(session.load_shared, {"type": "ike", "id": "5", "data": SECRET})
            session.unload_shared({"id": "0"})
            session.load_shared({"type": "ike", "id": "5", "data": SECRET})

        await ask(us, load)

    meet(scenario)


def test_only_the_owner_of_the_gateway_loads(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever else may use the socket could have a hook run."""
    monkeypatch.setattr(server, "_user", lambda _: os.geteuid() + 1)

    async def scenario(us: Side, other: Side) -> None:
        def load(session: Any) -> None:
            for command in ("load_conn", "unload_conn", "load_shared", "load_key", "load_pool"):
                assert "only root and the user of the gateway" in refused(getattr(session, command), {})
            assert session.get_conns()["conns"] == []
            assert names(session) == ["branch"]

        await ask(us, load)

    meet(scenario)


def test_pools_fit_beside_those_of_the_file(meet: Meet) -> None:
    def with_pool(settings: Settings) -> Settings:
        pool = Pool("clients", ((bytes([10, 9, 0, 0]), bytes([10, 9, 0, 15])),))
        used = replace(settings.connections[0], pools=("clients",))
        changed: Settings = replace(settings, pools=(pool,), connections=(used,))
        return changed

    async def scenario(us: Side, other: Side) -> None:
        def load(session: Any) -> None:
            session.load_pool({"office": {"addrs": "10.8.0.0/28"}})
            assert "overlaps pool" in refused(session.load_pool, {"more": {"addrs": "10.9.0.0/24"}})
            session.load_shared(SHARED)
            session.load_conn({"office": them(us, pools=["clients", "later"])})
            assert sorted(session.get_pools()) == ["clients", "office"]
            assert "no pool 'later'" in refused(lambda request: list(session.initiate(request)), {"child": "lan"})
            session.load_pool({"later": {"addrs": "10.7.0.0/28"}})
            assert names(session) == ["branch", "office"]

        await ask(us, load)

    meet(scenario, settings=with_pool)


def test_a_connection_of_shunts_only(meet: Meet) -> None:
    async def scenario(us: Side, other: Side) -> None:
        def load(session: Any) -> None:
            lan = {"mode": "pass", "local_ts": ["10.5.0.0/16"], "remote_ts": ["10.5.0.0/16"], "start_action": "trap"}
            session.load_conn({"shunts": {"children": {"lan": lan}}})
            (policy,) = session.list_policies({"pass": "yes"})
            assert policy["lan"]["mode"] == b"PASS"
            session.unload_conn({"name": "shunts"})
            assert list(session.list_policies({"pass": "yes"})) == []

        await ask(us, load)

    meet(scenario)


def test_what_is_loaded_is_computed_beside_the_event_loop(meet: Meet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand connections take seconds, in which peers and other clients are answered."""
    begun, answered = threading.Event(), threading.Event()
    joined = loaded.LoadedConfiguration._joined

    def when_another_client_was_answered(self: loaded.LoadedConfiguration, *arguments: Any) -> Any:
        begun.set()
        assert answered.wait(60)
        return joined(self, *arguments)

    monkeypatch.setattr(loaded.LoadedConfiguration, "_joined", when_another_client_was_answered)

    async def scenario(us: Side, other: Side) -> None:
        def load(session: Any) -> None:
            session.load_shared(SHARED)
            session.load_conn({"office": them(us)})

        await ask(us, load)
        assert await asyncio.to_thread(begun.wait, 60)
        assert await ask(us, lambda session: session.get_conns()["conns"]) == [b"office"]
        assert us.gateway.settings.connection("office") is None
        listed = asyncio.create_task(ask(us, names))
        assert await ask(us, lambda session: session.get_shared()["keys"]) == [b"ike-them"]
        answered.set()
        assert await listed == ["branch", "office"]

    meet(scenario)


def test_a_peer_that_calls_before_its_connection_is_in_use_is_answered_then(
    meet: Meet, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = threading.Event()
    joined = loaded.LoadedConfiguration._joined

    def when_called(self: loaded.LoadedConfiguration, items: Items, *others: Any) -> Any:
        assert not items.connections or called.wait(60)
        return joined(self, items, *others)

    monkeypatch.setattr(loaded.LoadedConfiguration, "_joined", when_called)

    async def scenario(us: Side, other: Side) -> None:
        hold = us.gateway.early_callers.hold

        def held(datagrams: Iterable[Datagram]) -> list[Datagram]:
            left = [*hold(datagrams)]
            called.set()
            return left

        monkeypatch.setattr(us.gateway.early_callers, "hold", held)
        await ask(us, lambda session: (session.load_shared(SHARED), session.load_conn({"office": them(us)})))
        await other.gateway.initiate("branch", "net")
        await us.until(lambda: us.gateway.is_up("office", "lan"))
        assert Code.NO_CONNECTION not in {line.code for line in us.lines}

    meet(scenario, change=lambda ours: replace(ours, remote_address="127.0.0.9"))
