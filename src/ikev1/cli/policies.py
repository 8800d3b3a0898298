"""The configured policies of phase 1: the records behind `show isakmp policy`, and their text.

They are made only from `list-ike-policy`, an extension of VICI.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ikev1.cli.control import Section


class ShownPolicy(msgspec.Struct, frozen=True):
    """A policy of phase 1 and the connections that use it; ``lifetime`` is in seconds."""

    priority: int
    encryption: str
    hash: str
    authentication: str
    group: str
    lifetime: int
    lifetime_kilobytes: int  # 0: no limit
    connections: list[str]


def policies_of(sections: Iterable[Section]) -> list[ShownPolicy]:
    """The policies in the events `list-ike-policy`, the preferred ones first, each with all connections that use it."""
    found: dict[tuple[str, ...], ShownPolicy] = {}
    for section in sections:
        connection = section["connection"]
        key = tuple(value for name, value in section.items() if name != "connection")
        if key in found:
            found[key].connections.append(connection)
        else:
            found[key] = _policy(section, connection)
    return sorted(found.values(), key=lambda policy: policy.priority)


def _policy(section: Section, connection: str) -> ShownPolicy:
    return ShownPolicy(
        priority=int(section["priority"]),
        encryption=section["encryption"],
        hash=section["hash"],
        authentication=section["authentication"],
        group=section["dh-group"],
        lifetime=int(section["life-time"]),
        lifetime_kilobytes=int(section["life-kilobytes"]),
        connections=[connection],
    )


def policies_text(policies: Iterable[ShownPolicy]) -> str:
    """The text of `show isakmp policy`: a block for each policy."""
    return "\n".join(map(_block, policies))


def _block(policy: ShownPolicy) -> str:
    volume = f"{policy.lifetime_kilobytes} kilobytes" if policy.lifetime_kilobytes else "no volume limit"
    return "\n".join(
        (
            f"Protection suite of priority {policy.priority}",
            f"  encryption algorithm:   {policy.encryption}",
            f"  hash algorithm:         {policy.hash}",
            f"  authentication method:  {policy.authentication}",
            f"  Diffie-Hellman group:   {policy.group}",
            f"  lifetime:               {policy.lifetime} seconds, {volume}",
            f"  connections:            {', '.join(policy.connections)}",
        )
    )
