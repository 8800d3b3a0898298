"""XAUTH: a user name and a password after phase 1, asked by either side of it (draft-beaulieu-ike-xauth-02)."""

from __future__ import annotations

from typing import Any

import pytest

from configured import policy, suite
from ikev1.core.records.events import Code, XauthUp
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Accepted, Rejected, User, Verdict, XauthAttempt
from ikev1.core.records.settings import Aggressive, Mode, Policy, XauthRole
from ikev1.wire.registry import AuthenticationMethod
from playbook import Couple, Network

INIT, RESP = AuthenticationMethod.XAUTH_INIT_PRE_SHARED, AuthenticationMethod.XAUTH_RESP_PRE_SHARED


def policies(method: int) -> tuple[Policy, ...]:
    return (replace(policy(), suite=replace(suite("aes128-sha256-ecp256"), authentication=int(method))),)


def client(method: int = INIT, **more: Any) -> dict[str, Any]:
    return {
        "policies": policies(method),
        "xauth": XauthRole.CLIENT,
        "xauth_user": "carol",
        "xauth_secret": b"her password",
    } | more


def server(method: int = INIT, **more: Any) -> dict[str, Any]:
    return {"policies": policies(method), "xauth": XauthRole.SERVER, "aggressive": Aggressive.ACCEPT_PSK} | more


def check(attempt: XauthAttempt) -> Verdict:
    if (attempt.user, attempt.password) == ("carol", b"her password"):
        return Accepted(User("carol", backend="test"))
    return Rejected("wrong password")


@pytest.mark.parametrize("mode", list(Mode))
def test_the_client_of_a_gateway_is_asked(network: Network, couple: Couple, mode: Mode) -> None:
    alice, bob = couple(alice=client(mode=mode), bob=server())
    bob.checks = check
    alice.calls()
    network.settle()
    assert [label for label in network.labels("bob") if label.startswith("CFG")] == ["CFG1", "CFG1"]
    assert [label for label in network.labels("alice") if label.startswith("CFG")] == ["CFG2", "CFG2"]
    assert alice.failures == bob.failures == []
    assert bob.sa.user is not None
    assert bob.sa.user.name == "carol"
    assert len(alice.children) == len(bob.children) == 1
    assert len(alice.saw(XauthUp)) == len(bob.saw(XauthUp)) == 1
    assert alice.sa.user is None
    for peer in (alice, bob):
        assert peer.sa.xauth is None
        assert peer.sa.expires_at > network.now + 1000
        assert peer.sa.confirmed


def test_a_gateway_that_calls_asks_the_responder(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice=server(RESP), bob=client(RESP))
    alice.checks = check
    alice.calls()
    network.settle()
    assert alice.sa.user is not None
    assert len(alice.children) == len(bob.children) == 1


def test_a_wrong_password_ends_the_isakmp_sa(network: Network, couple: Couple) -> None:
    alice, bob = couple(alice=client(xauth_secret=b"wrong"), bob=server())
    bob.checks = check
    alice.calls()
    network.settle()
    assert Code.XAUTH_FAILED in alice.failures
    assert bob.failures == [Code.XAUTH_FAILED]
    assert not alice.engine.sas
    assert not bob.engine.sas
    assert len(bob.attempts) == 1
