"""Phase 1 policies: ``[policy.10]`` as `crypto isakmp policy 10` reads."""

from __future__ import annotations

from ikev1.config.algorithms import group, ike_cipher, ike_hash, ike_suite, psk_suite, warn_weak_ike
from ikev1.config.table import Table
from ikev1.config.values import choice, duration, integer, kilobytes
from ikev1.core.model import Phase1Suite
from ikev1.core.settings import DAY, Policy
from ikev1.crypto.suites import DEFAULT_IKE, IkeProposal

__all__ = ["policies_of", "read_policies"]

LOWEST_PRIORITY = 10_000  # as on a Cisco router


def policies_of(suites: tuple[Phase1Suite, ...]) -> tuple[Policy, ...]:
    """Policies for suites in the order of their preference."""
    return tuple(Policy(priority, suite) for priority, suite in enumerate(suites, 1))


def read_policies(top: Table) -> tuple[Policy, ...]:
    """All ``[policy.PRIORITY]`` tables, the preferred first; the defaults where there is none."""
    policies = [policy for name, table in top.tables("policy") if (policy := _read_policy(name, table))]
    ordered = tuple(sorted(policies, key=lambda policy: policy.priority))
    return ordered or policies_of(tuple(map(ike_suite, DEFAULT_IKE)))


def _read_policy(name: str, table: Table) -> Policy | None:
    priority = table.whole(_priority, name)
    cipher = table.require("encryption", ike_cipher, 'a cipher, such as "aes256"')
    hash_ = table.require("hash", ike_hash, 'a hash, such as "sha256"')
    dh_group = table.require("group", group, 'a Diffie-Hellman group, such as 14 or "modp2048"')
    table.take("authentication", choice(("pre-share",)), None)
    lifetime = table.take("lifetime", duration, DAY)
    lifetime_kilobytes = table.take("lifetime_kilobytes", kilobytes, 0)
    table.finish()
    if priority is None or cipher is None or hash_ is None or dh_group is None:
        return None
    suite = psk_suite(IkeProposal(cipher.number, cipher.key_length, hash_.number, dh_group.number))
    warn_weak_ike(table.findings, table.path, [suite])
    return Policy(priority, suite, lifetime, lifetime_kilobytes)


def _priority(name: str) -> int:
    if not name.isdecimal():
        raise ValueError(f"a policy is named by its priority: a whole number from 1 to {LOWEST_PRIORITY}")
    return integer(1, LOWEST_PRIORITY)(int(name))
