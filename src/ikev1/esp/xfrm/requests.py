"""Requests about the kernel's states and policies. None of them flushes, because other programs may have added some."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from ikev1.esp.netlink import CREATE, DUMP, EXCLUSIVE, REPLACE, Netlink, NetlinkError, Request
from ikev1.esp.xfrm import policy, state
from ikev1.esp.xfrm.layout import STATE_INFO, Kind
from ikev1.esp.xfrm.policy import PolicyId, Rule
from ikev1.esp.xfrm.state import Protocol, State, StateId, StateInfo

NETLINK_XFRM = 6  # <linux/netlink.h>
_LEAST_SPI, _LAST_SPI = 0x100, 0xFFFF_FFFF  # RFC 4303 §2.1
_LAST_CPI = 0xEFFF  # RFC 3173 §3.3: higher values are for private use
Result = TypeVar("Result")

_GONE = (errno.ESRCH, errno.ENOENT)  # of a state, of a policy


class Xfrm:
    """The kernel's IPsec in this network namespace.

    Raises:
        NetlinkError: the kernel refused.
        GarbledAnswer: its answer cannot be parsed.
        OSError: it has no XFRM.
        PlaneError: it has no name for an algorithm.
    """

    def __init__(self) -> None:
        self._netlink = Netlink(NETLINK_XFRM)

    def close(self) -> None:
        """Close the socket; states and policies stay."""
        self._netlink.close()

    def allocate(self, destination: bytes, source: bytes, protocol: Protocol) -> int:
        """Reserve an SPI, or a CPI, for packets between two packed addresses, for some seconds."""
        last = _LAST_CPI if protocol is Protocol.COMP else _LAST_SPI
        body = state.allocation(destination, source, protocol, _LEAST_SPI, last)
        (allocated,) = self._netlink.ask(Kind.ALLOCSPI, 0, (body,), lambda _, octets: state.parse_id(octets))
        return allocated.spi

    def add(self, new: State) -> None:
        """Add a state, which must not exist."""
        with _secret(state.encode(new)) as body:
            self._netlink.command(Request(Kind.NEWSA, CREATE | EXCLUSIVE, (body,)))

    def update(self, changed: State) -> None:
        """Complete a reserved state, or change ports and limits of a complete one."""
        with _secret(state.encode(changed)) as body:
            self._netlink.command(Request(Kind.UPDSA, REPLACE, (body,)))

    def exchange(self, old: StateId, new: State) -> None:
        """Replace ``old`` by ``new``, with the shortest possible gap."""
        with _secret(state.encode(new)) as body:
            delete = Request(Kind.DELSA, 0, (state.encode_id(old),))
            try:
                self._netlink.command(delete, Request(Kind.NEWSA, CREATE | EXCLUSIVE, (body,)))
            except NetlinkError as error:
                if error.errno != errno.EEXIST:
                    raise
                # a packet was sent in the gap, and the kernel waits for a state for it
                self._netlink.command(Request(Kind.UPDSA, REPLACE, (body,)))

    def delete(self, id: StateId) -> bool:
        """Delete a state; False if there was none."""
        return self._delete(Request(Kind.DELSA, 0, (state.encode_id(id),)))

    def find(self, id: StateId) -> StateInfo | None:
        """The kernel's state, None if it does not exist."""
        return self._get_state(id, state.parse)

    def algorithms(self, id: StateId) -> bytearray | None:
        """The attributes of a state that hold its keys, None if it does not exist; the caller wipes them after use.

        Raises:
            PlaneError: the kernel hides them.
        """
        return self._get_state(id, state.algorithms)

    def states(self) -> list[StateInfo]:
        """All states of the network namespace, including those of other programs."""
        return self._netlink.ask(Kind.GETSA, DUMP, (bytes(STATE_INFO.size),), lambda _, octets: state.parse(octets))

    def add_policies(self, policies: Sequence[tuple[PolicyId, Rule]]) -> list[PolicyId]:
        """Add policies. Returns those that existed before, which are unchanged.

        Raises:
            NetlinkError: one was refused for another reason; none was added.
        """
        requests = (Request(Kind.NEWPOLICY, CREATE | EXCLUSIVE, (policy.encode(*item),)) for item in policies)
        refusals = self._netlink.attempt(*requests)
        for refusal in refusals:
            if refusal is not None and refusal.errno != errno.EEXIST:
                for (id, _), other in zip(policies, refusals, strict=True):
                    if other is None:
                        self.delete_policy(id)
                raise refusal
        return [id for (id, _), refusal in zip(policies, refusals, strict=True) if refusal is not None]

    def put_policies(self, policies: Sequence[tuple[PolicyId, Rule]]) -> None:
        """Add policies, or change those that exist."""
        self._netlink.command(*(Request(Kind.UPDPOLICY, REPLACE, (policy.encode(*item),)) for item in policies))

    def delete_policy(self, id: PolicyId) -> bool:
        """Delete a policy; False if there was none."""
        return self._delete(Request(Kind.DELPOLICY, 0, (policy.encode_id(id),)))

    def policy_numbers(self, id: PolicyId) -> frozenset[int] | None:
        """The numbers that identify a policy (`policy.numbers`), None if it does not exist."""
        try:
            (found,) = self._netlink.ask(
                Kind.GETPOLICY, 0, (policy.encode_id(id),), lambda _, octets: policy.numbers(octets)
            )
        except NetlinkError as error:
            if error.errno in _GONE:
                return None
            raise
        return found

    def _get_state(self, id: StateId, read: Callable[[memoryview], Result]) -> Result | None:
        try:
            (found,) = self._netlink.ask(Kind.GETSA, 0, (state.encode_id(id),), lambda _, octets: read(octets))
        except NetlinkError as error:
            if error.errno in _GONE:
                return None
            raise
        return found

    def _delete(self, request: Request) -> bool:
        try:
            self._netlink.command(request)
        except NetlinkError as error:
            if error.errno in _GONE:
                return False
            raise
        return True


@contextmanager
def _secret(octets: bytearray) -> Iterator[bytearray]:
    """A message that holds keys, and is wiped at the end."""
    try:
        yield octets
    finally:
        octets[:] = bytes(len(octets))
