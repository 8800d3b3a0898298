"""The tunnels of the connections: one for each policy of setkey, or what ``generate_policy`` accepts from peers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from ikev1.config.findings import Rule
from ikev1.config.formats.racoon.mode_cfg import NAME
from ikev1.config.formats.racoon.remotes import ANONYMOUS, ANY, Remote, unused
from ikev1.config.formats.racoon.sainfos import ANYBODY, Sainfo, best
from ikev1.config.formats.racoon.spd import Policy
from ikev1.config.formats.statements import Reports
from ikev1.config.formats.written import Part, Place

_EVERYTHING = "0.0.0.0/0"


class Tunnels:
    """Writes tunnels into the connections of ``remotes``, which are in ``into``, and shunts beside them."""

    def __init__(self, remotes: Sequence[Remote], sainfos: Sequence[Sainfo], into: Part, reports: Reports) -> None:
        self._into = into
        self._remotes = remotes
        self._sainfos = sainfos
        self._connections = into.part("connection")
        self._reports = reports
        self._names: set[str] = set()

    def write(self, policies: Iterable[Policy]) -> None:
        """Write a tunnel for each policy, and those that peers may propose; connections without any are left out."""
        for policy in policies:
            if policy.shunt:
                self._write_shunt(policy, policy.shunt)
            else:
                self._write_policy(policy)
        for remote in self._remotes:
            for part in remote.parts:
                if remote.virtual or remote.generates:
                    self._write_proposed(remote, part)
                elif "tunnel" not in part.values:
                    self._report_unused(remote, part)

    def _report_unused(self, remote: Remote, part: Part) -> None:
        name = part.path.rpartition(".")[2]
        if remote.address == ANONYMOUS and len(self._connections.values) > 1:
            del self._connections.values[name]  # its peers have connections of their own
            return
        text = "has no policy: write its spdadd commands into setkey.conf beside this file"
        self._reports.warn(remote.place, Rule.NO_TUNNEL, text)

    def _write_policy(self, policy: Policy) -> None:
        peer = policy.tunnel[1] if policy.tunnel is not None else _host(policy.remote.network) or ANONYMOUS
        remote = next((each for each in self._remotes if each.address == peer), None) or next(
            (each for each in self._remotes if each.address == ANONYMOUS), None
        )
        if remote is None:
            text = f"there is no remote for the peer {peer}"
            self._reports.error(policy.place, Rule.INVALID_VALUE, text)
            return
        parts = remote.parts if peer in (ANONYMOUS, remote.address) else self._for_peer(remote, peer)
        if not parts:
            self._reports.error(policy.place, Rule.NO_CREDENTIAL, f"there is no pre-shared key for {peer}")
        for part in parts:
            self._write_tunnel(policy, remote, part, wildcard=peer == ANONYMOUS)
        if peer == ANONYMOUS and policy.required:
            self._write_shunt(policy, "drop")  # what no peer has negotiated

    def _write_shunt(self, policy: Policy, action: str) -> None:
        shunts = self._into.part("shunt")
        shunt = shunts.part(f"{action}-{len(shunts.values) + 1}", policy.place)
        for key, value in (("action", action), ("local", policy.selector(policy.local))):
            shunt.put(key, value, policy.place)
        shunt.put("remote", policy.selector(policy.remote), policy.place)

    def _for_peer(self, remote: Remote, peer: str) -> tuple[Part, ...]:
        """The connections of the section ``anonymous`` for one peer: those with the key of another have no use."""
        known = map(self._connections.part, self._connections.values)
        if found := tuple(part for part in known if part.values.get("remote_address") == [peer]):
            return found
        made = []
        for part in remote.parts:
            if part.values["remote_address"] == [ANY]:
                made.append(part.copied(self._connections, unused(self._connections, _plain(f"peer-{peer}"))))
                made[-1].values.pop("tunnel", None)
                made[-1].put("remote_address", [peer], remote.place)
        return tuple(made)

    def _write_tunnel(self, policy: Policy, remote: Remote, part: Part, *, wildcard: bool) -> None:
        ends = [policy.local, policy.remote]
        if policy.tunnel is None:
            ends = [end._replace(network="dynamic") for end in ends]
        local, other = map(policy.selector, ends)
        sainfo = best(
            self._sainfos, policy.selector(policy.local), policy.selector(policy.remote), remote.peer, remote.number
        )
        if sainfo is None:
            text = f"there is no sainfo for {policy.selector(policy.local)} to {policy.selector(policy.remote)}"
            self._reports.error(policy.place, Rule.INVALID_VALUE, text)
            return
        protections = [each for each in policy.protocols if each != "ipcomp"]
        if len(protections) > 1:
            self._reports.error(
                policy.place, Rule.NOT_SUPPORTED, f"is not supported: {' and '.join(protections)} together"
            )
            return
        tunnel = self._named(part, f"to-{policy.remote.network}", policy.place)
        tunnel.put("local", local, policy.place)
        tunnel.put("remote", other, policy.place)
        tunnel.put("mode", "transport" if policy.tunnel is None else "tunnel", policy.place)
        sainfo.write(tunnel, with_ah="ah" in policy.protocols)
        if "ipcomp" in policy.protocols:
            tunnel.put("compress", True, policy.place)
        own = policy.tunnel[0] if policy.tunnel is not None else _host(policy.local.network)
        if own is not None:
            part.put("local_address", own, policy.place)
        if wildcard or remote.passive:
            tunnel.put("start", "none", policy.place)
        else:
            tunnel.put("start", "trap", policy.place)
        if not wildcard:
            tunnel.put("when_down", "drop" if policy.required else "pass", policy.place)

    def _named(self, part: Part, base: str, place: Place) -> Part:
        base = name = _plain(base)
        number = 1
        while name in self._names:
            number += 1
            name = f"{base[:50]}-{number}"
        self._names.add(name)
        return part.part("tunnel").part(name, place)

    def _write_proposed(self, remote: Remote, part: Part) -> None:
        """What a peer may propose: the traffic of each ``sainfo``, or any that is named by ``anonymous``."""
        for sainfo in self._sainfos:
            if sainfo.peer not in ("", remote.peer) or sainfo.remote_id not in (0, remote.number):
                continue
            virtual = remote.virtual or NAME in part.values.get("pools", ())
            anybody = "dynamic" if virtual else _EVERYTHING
            local, other = (_EVERYTHING, anybody) if not remote.virtual else (anybody, _EVERYTHING)
            ends = (sainfo.local or local, sainfo.remote or other)
            name = f"{part.path.rpartition('.')[2]}-{_plain(sainfo.remote or ANONYMOUS)}"
            self._write_one(part, name, ends, "tunnel", sainfo, start=remote.virtual)
            if not virtual and (sainfo.local, sainfo.remote) == (ANYBODY, ANYBODY):
                self._write_one(part, f"{name}-transport", ("dynamic", "dynamic"), "transport", sainfo, start=False)

    def _write_one(
        self, part: Part, name: str, ends: tuple[str, str], mode: str, sainfo: Sainfo, *, start: bool
    ) -> None:
        tunnel = self._named(part, name, sainfo.place)
        for key, value in (("local", ends[0]), ("remote", ends[1]), ("mode", mode)):
            tunnel.put(key, value, sainfo.place)
        sainfo.write(tunnel)
        tunnel.put("start", "start" if start else "none", sainfo.place)


def _host(network: str) -> str | None:
    """The only address of a network, None if it has several."""
    found = ip_network(network)
    return str(found[0]) if found.num_addresses == 1 else None


def _plain(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]+", "-", text).strip("-")[:60]
