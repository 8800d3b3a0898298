"""Whom the desk gives an address to, and who gives way."""

from __future__ import annotations

import pytest

from configured import BOB, connection, settings, tunnel
from ikev1.core.engine import Engine
from ikev1.core.records.actions import Action, AssignAddresses
from ikev1.core.records.events import Code
from ikev1.core.records.record import replace
from ikev1.core.records.remote_access import Accepted, Rejected, User, Verdict, XauthAttempt
from ikev1.core.records.settings import Pool
from ikev1.daemon.observe.event_log import EventLog
from ikev1.daemon.remote_access.address_desk import AddressDesk
from ikev1.daemon.remote_access.pools import Pools
from ikev1.daemon.remote_access.saved_leases import SavedLeases
from playbook import Network, Peer
from xauth_peers import SECRETS, client, server

HERS = "10.99.0.12"
CAROL, DAVE = "192.0.2.10", "192.0.2.20"


class Office:
    """A gateway with a pool and two users: ``profiles`` are their own addresses."""

    def __init__(
        self, profiles: dict[str, str], reserved: tuple[tuple[str, str], ...] = (), pool: Pool | None = None
    ) -> None:
        self.network = Network()
        self.profiles = profiles
        pool = pool or Pool("office", ((bytes([10, 99, 0, 10]), bytes([10, 99, 0, 12])),), reserved=reserved)
        self.pools = Pools(SavedLeases(None, EventLog()), lambda: self.network.now)
        self.pools.adopt((pool,))
        options = server(remote_id="%any", local_id="gw", pools=("office",))
        ours = connection(BOB, "%any", tunnel("net", "10.1.0.0/16", None), **options)
        self.gateway = self.network.peer("bob", BOB, settings(ours, pools=(pool,)))
        self.gateway.checks = self._check
        self.gateway.delays.add(AssignAddresses)
        self.desk = AddressDesk(self.gateway.engine, self.pools, lambda: self.network.now)
        self.clients: dict[str, Peer] = {}

    def logs_in(self, user: str, host: str, suggests: str = "0.0.0.0") -> None:
        options = client(user=user, local_id="group@lab", remote_id="gw", vips=(suggests,))
        known = settings(connection(host, BOB, tunnel("net", None, "10.1.0.0/16"), **options))
        self.clients[user] = self.network.peer(user, host, known)
        self.clients[user].calls(host=BOB)
        self.network.settle()
        while self.gateway.asked_for:
            action = self.gateway.asked_for.pop(0)
            self.gateway.does(lambda _, action=action: self.desk.assign(action))  # type: ignore[misc]
            self.pools.release(self.gateway.released)
            self.gateway.released.clear()
            self.network.settle()

    def addresses(self) -> dict[str, str]:
        """Which address each user has."""
        return {sa.user_name: "".join(sa.assigned_addresses) for sa in self.gateway.engine.sas.values()}

    def _check(self, attempt: XauthAttempt) -> Verdict:
        if SECRETS.get(attempt.user) != attempt.password:
            return Rejected("wrong password")
        return Accepted(User(attempt.user, address=self.profiles.get(attempt.user, "")))


def test_who_suggests_the_address_of_somebodys_profile_gives_way() -> None:
    office = Office({"carol": HERS})
    office.logs_in("dave", DAVE, HERS)
    assert office.addresses() == {"dave": HERS}
    office.logs_in("carol", CAROL)
    assert office.addresses() == {"carol": HERS}
    assert not office.clients["dave"].engine.sas


@pytest.mark.parametrize(
    ("asked", "got"),
    [(HERS, HERS), (DAVE, DAVE), ("10.1.0.10", ""), ("10.2.0.10", ""), (BOB, ""), (CAROL, "")]
    + [(nobodys, "") for nobodys in ("127.0.0.1", "169.254.0.9", "224.0.0.5", "255.255.255.255")],
)
def test_a_client_does_not_get_an_address_of_another_host_or_of_none(asked: str, got: str) -> None:
    """Of the gateway, of a network behind it that only another connection has, or of another peer."""
    office = Office({}, pool=Pool("office", (), any=True))
    known = office.gateway.settings
    site = connection(BOB, "198.51.100.9", tunnel("site", "10.2.0.0/16", "10.3.0.0/16"), name="site")
    office.gateway.is_given(replace(known, connections=(*known.connections, site)))
    office.logs_in("carol", CAROL, "10.99.0.11")
    office.logs_in("dave", DAVE, asked)
    assert office.addresses().get("dave", "") == got


def test_two_profiles_with_one_address_do_not_drive_each_other_out() -> None:
    office = Office({"carol": HERS, "dave": HERS})
    office.logs_in("dave", DAVE)
    office.logs_in("carol", CAROL)
    assert office.addresses()["dave"] == HERS


def test_an_address_that_a_pool_reserves_stays_where_it_is() -> None:
    office = Office({"carol": HERS}, reserved=(("dave", HERS),))
    office.logs_in("dave", DAVE)
    office.logs_in("carol", CAROL)
    assert office.addresses()["dave"] == HERS


def test_an_sa_that_cannot_be_closed_is_not_closed_again_and_again() -> None:
    class Stubborn(Engine):
        def close_ike(self, unique_id: int, now: float, reason: str = "") -> list[Action]:
            tried.append(unique_id)
            return []  # as after an internal error

    tried: list[int] = []
    office = Office({"carol": HERS})
    office.logs_in("dave", DAVE, HERS)
    office.gateway.engine.__class__ = Stubborn
    office.logs_in("carol", CAROL)
    assert len(tried) == 1
    assert office.addresses() == {"dave": HERS}, "carol was refused, and has gone"
    assert Code.NO_ADDRESS in office.gateway.failures
