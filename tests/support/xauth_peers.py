"""A client and a server of XAUTH in few words, for the tests of conversations between them."""

from __future__ import annotations

from typing import Any

from configured import IKE, policy, suite
from ikev1.core.exchanges.protection import seal
from ikev1.core.exchanges.transaction_exchange import TRANSACTION
from ikev1.core.records.exchange import Exchange, TransactionData
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Accepted, Rejected, User, Verdict, XauthAttempt
from ikev1.core.records.settings import Aggressive, Policy, XauthRole
from ikev1.wire.attributes import Attribute
from ikev1.wire.payloads import ConfigAttributes, Payload
from ikev1.wire.registry import AuthenticationMethod, ConfigAttribute, ConfigType
from playbook import Datagram, Network, Peer

INIT, RESP = AuthenticationMethod.XAUTH_INIT_PRE_SHARED, AuthenticationMethod.XAUTH_RESP_PRE_SHARED
NAME, PASSWORD = ConfigAttribute.XAUTH_USER_NAME, ConfigAttribute.XAUTH_USER_PASSWORD
STATUS, TYPE = ConfigAttribute.XAUTH_STATUS, ConfigAttribute.XAUTH_TYPE
SECRETS = {"carol": b"her password", "dave": b"his password"}


def policies(method: int, **more: Any) -> tuple[Policy, ...]:
    """One policy with an authentication method."""
    return (replace(policy(**more), suite=replace(suite(IKE), authentication=int(method))),)


def client(method: int = INIT, user: str = "carol", **more: Any) -> dict[str, Any]:
    """The options of a client."""
    given = {"xauth": XauthRole.CLIENT, "xauth_user": user, "xauth_secret": SECRETS[user]}
    return {"policies": policies(method)} | given | more


def server(method: int = INIT, **more: Any) -> dict[str, Any]:
    """The options of a server."""
    return {"policies": policies(method), "xauth": XauthRole.SERVER, "aggressive": Aggressive.ACCEPT_PSK} | more


def check(attempt: XauthAttempt) -> Verdict:
    """A backend that knows `SECRETS`."""
    if SECRETS.get(attempt.user) == attempt.password:
        return Accepted(User(attempt.user))
    return Rejected("wrong password")


def first_request(network: Network) -> Datagram:
    """Deliver messages until the next one is a REQUEST, and return that without delivering it."""
    while network.flying[0].label != "CFG1":
        network.deliver(network.flying.popleft())
    return network.flying.popleft()


def asked(peer: Peer) -> Exchange:
    """The Transaction exchange that is under way at ``peer``."""
    (exchange,) = (each for each in peer.sa.exchanges if each.script == TRANSACTION.name)
    return exchange


def answers(
    network: Network, server: Peer, client: Peer, *attributes: Attribute, identifier: int | None = None
) -> None:
    """The client answers the REQUEST of the server by a REPLY with ``attributes``, whatever its engine would say."""
    exchange = asked(server)
    known = identifier_of(exchange) if identifier is None else identifier
    replies(network, server, client, exchange, ConfigAttributes(ConfigType.REPLY, known, attributes))


def identifier_of(exchange: Exchange) -> int:
    """The identifier of a Transaction exchange."""
    assert isinstance(exchange.data, TransactionData)
    return exchange.data.identifier


def replies(network: Network, server: Peer, client: Peer, exchange: Exchange, *payloads: Payload) -> None:
    """The client answers in ``exchange`` of the server."""
    grammar = TRANSACTION.grammars[exchange.step]
    octets, _, _ = seal(server.sa, exchange, TRANSACTION.exchange, grammar, list(payloads))
    datagram = Datagram((client.address, 500), (server.address, 500), octets, "CFG2", client.name)
    network.deliver(datagram)
