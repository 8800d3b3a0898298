"""How far an offer may differ from our own terms: `proposal_check`, as racoon.conf(5) has it.

A responder answers a transform as it was offered (RFC 2409 §5), so what it does not refuse it takes: a longer key as it
is, and a longer life with a RESPONDER-LIFETIME that says what is kept of it (RFC 2407 §4.5.4).
"""

from __future__ import annotations

from ikev1.core.negotiation.lifetime_attributes import shorter
from ikev1.core.records.model import Life
from ikev1.core.records.settings import Policy, ProposalCheck, Tunnel
from ikev1.crypto.algorithms import CipherWord
from ikev1.crypto.groups import NUMBERS


def agreed_life(ours: Policy | Tunnel, offered: Life) -> Life:
    """What an SA lives that was offered with ``offered``, and not refused."""
    if ours.check is ProposalCheck.OBEY:
        return Life(offered.seconds, offered.kilobytes or ours.lifetime_kilobytes)
    return shorter(offered, Life(ours.lifetime, ours.lifetime_kilobytes))


def allows_life(ours: Policy | Tunnel, offered: Life) -> bool:
    """Whether an SA may be offered with ``offered``. A limit that the operator did not set forbids nothing."""
    check = ours.check
    if check is ProposalCheck.OBEY or check is ProposalCheck.CLAIM:
        return True
    exact = check is ProposalCheck.EXACT
    return not (
        (ours.lifetime_set and _breaks(ours.lifetime, offered.seconds, exact))
        or _breaks(ours.lifetime_kilobytes, offered.kilobytes, exact)
    )


def life_differences(ours: Policy | Tunnel, offered: Life) -> list[str]:
    """Why an SA may not be offered with ``offered``: what we want, and what was found; nothing if it may."""
    if allows_life(ours, offered):
        return []
    exact = ours.check is ProposalCheck.EXACT
    limits = (ours.lifetime if ours.lifetime_set else 0, ours.lifetime_kilobytes)
    return [
        f"a lifetime of {'exactly' if exact else 'at most'} {limit} {unit} (proposal_check = {ours.check.value}), "
        f"offered was {f'{amount} {unit}' if amount else 'none'}"
        for limit, amount, unit in zip(limits, offered, ("s", "kB"), strict=True)
        if _breaks(limit, amount, exact)
    ]


def _breaks(limit: int, amount: int, exact: bool) -> bool:
    return limit != 0 and (amount != limit if exact else amount > limit)


def allows_key(check: ProposalCheck, own: int, offered: CipherWord) -> bool:
    """Whether the ``offered`` cipher does, for the length of its key, where ours has a key of ``own`` bits."""
    if offered.octets is None:
        return False
    if check is ProposalCheck.EXACT:
        return offered.key_length == own
    return check is ProposalCheck.OBEY or offered.key_length >= own


def allows_group(check: ProposalCheck, own: int, offered: int) -> bool:
    """Whether perfect forward secrecy with group ``offered`` does where we want ``own``; 0 is without."""
    if own == offered:
        return True
    free = check is ProposalCheck.OBEY or (own == 0 and check is not ProposalCheck.EXACT)
    return free and (offered == 0 or offered in NUMBERS)
