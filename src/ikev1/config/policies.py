"""Phase 1 policies: ``[policy.10]`` as `crypto isakmp policy 10` reads."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.config.algorithms import group, ike_cipher, ike_hash, ike_proposal, warn_weak_ike
from ikev1.config.authentication import NEEDS, PRE_SHARED, WORDS, Methods
from ikev1.config.findings import Invalid, Rule
from ikev1.config.table import Table
from ikev1.config.values import choice, duration, each, integer, kilobytes
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.settings import DAY, Mode, Policy, ProposalCheck
from ikev1.crypto.suites import DEFAULT_IKE, IkeProposal
from ikev1.wire.registry import AuthenticationMethod

LOWEST_PRIORITY = 10_000  # as on a Cisco router


class Draft(NamedTuple):
    """A policy of all connections; the key of each connection decides the number of its authentication method."""

    priority: int
    proposal: IkeProposal
    authentication: str | None = None  # None: that of the connection
    lifetime: int = 0  # not configured
    lifetime_kilobytes: int = 0

    def policy(
        self, method: AuthenticationMethod, lifetime: int, lifetime_kilobytes: int, check: ProposalCheck
    ) -> Policy:
        """The policy of a connection that authenticates by ``method``; lifetimes other than 0 take precedence."""
        configured = lifetime or self.lifetime
        return Policy(
            self.priority,
            Phase1Suite(*self.proposal, method),
            configured or DAY,
            lifetime_kilobytes or self.lifetime_kilobytes,
            lifetime_set=bool(configured),
            check=check,
        )


def _drafts_of(proposals: tuple[IkeProposal, ...]) -> tuple[Draft, ...]:
    return tuple(Draft(priority, proposal) for priority, proposal in enumerate(proposals, 1))


DEFAULTS = _drafts_of(tuple(map(ike_proposal, DEFAULT_IKE)))


def read_policies(top: Table) -> tuple[Draft, ...]:
    """All ``[policy.PRIORITY]`` tables, the preferred first; the defaults where there is none."""
    drafts = [draft for name, table in top.tables("policy") if (draft := _read_policy(name, table))]
    ordered = tuple(sorted(drafts, key=lambda draft: draft.priority))
    return ordered or DEFAULTS


def _read_policy(name: str, table: Table) -> Draft | None:
    priority = table.whole(_priority, name)
    cipher = table.require("encryption", ike_cipher, 'a cipher, such as "aes256"')
    hash_ = table.require("hash", ike_hash, 'a hash, such as "sha256"')
    dh_group = table.require("group", group, 'a Diffie-Hellman group, such as 14 or "modp2048"')
    authentication = table.take("authentication", choice(WORDS), PRE_SHARED)
    lifetime = table.take("lifetime", duration, 0)
    lifetime_kilobytes = table.take("lifetime_kilobytes", kilobytes, 0)
    table.finish()
    if priority is None or cipher is None or hash_ is None or dh_group is None:
        return None
    proposal = IkeProposal(cipher.number, cipher.key_length, hash_.number, dh_group.number)
    warn_weak_ike(table.findings, table.path, [proposal])
    return Draft(priority, proposal, authentication, lifetime, lifetime_kilobytes)


def _priority(name: str) -> int:
    if not name.isdecimal():
        raise Invalid(
            Rule.INVALID_NAME, f"the name of a policy is its priority: expected an integer from 1 to {LOWEST_PRIORITY}"
        )
    return integer(1, LOWEST_PRIORITY)(int(name))


def policies_for(
    table: Table, drafts: tuple[Draft, ...], methods: Methods, check: ProposalCheck, lifetime: int, mode: Mode
) -> tuple[Policy, ...]:
    """The policies of one connection that can prove who it is by ``methods``: its own proposals, else those of
    ``drafts`` that ask for one of them. A ``lifetime`` other than 0 takes precedence over theirs. In Aggressive Mode,
    which offers one group, the default policies have that of the first one.
    """
    allowed = _read_authentication(table, methods)
    own = table.take("proposals", each(ike_proposal), ())
    warn_weak_ike(table.findings, table.key("proposals"), own)
    volume = table.take("lifetime_kilobytes", kilobytes, 0)
    if not allowed:
        return ()
    usual, *_ = allowed
    if drafts == DEFAULTS and mode is Mode.AGGRESSIVE:
        drafts = tuple(draft for draft in drafts if draft.proposal.group == drafts[0].proposal.group)
    drafts = _drafts_of(own) or drafts
    usable = [(draft, draft.authentication or usual) for draft in drafts]
    policies = tuple(draft.policy(allowed[word], lifetime, volume, check) for draft, word in usable if word in allowed)
    if not policies:
        asked = ", ".join(dict.fromkeys(word for _, word in usable))
        table.findings.error(
            table.path,
            Rule.NO_USABLE_POLICY,
            f"no policy can be used: the policies require authentication by {asked}, but this connection can only use "
            f"{' or '.join(allowed)}: add a [policy] for that, or add proposals to the connection",
        )
    return policies


def _read_authentication(table: Table, methods: Methods) -> Methods:
    """Those of ``methods`` that the connection is to use; that there are none at all has been reported."""
    word = table.take("authentication", choice(WORDS), None)
    if word is None or not methods:
        return methods
    if word not in methods:
        table.findings.error(table.key("authentication"), Rule.METHOD_NEEDS_KEY, f"{word!r} requires {NEEDS[word]}")
        return {}
    return {word: methods[word]}
