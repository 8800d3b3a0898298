"""How far an offer may differ from the configuration: `proposal_check`, after racoon.conf(5).

A responder repeats a transform as it was offered (RFC 2409 §5), so it accepts what it does not reject: a longer key
unchanged, and a longer lifetime with a RESPONDER-LIFETIME that gives the shorter one it will use (RFC 2407 §4.5.4).
"""

from __future__ import annotations

from ikev1.core.negotiation.lifetime_attributes import shorter
from ikev1.core.records.exchange import Life
from ikev1.core.records.settings import Policy, ProposalCheck, Tunnel
from ikev1.crypto.algorithms import CipherWord
from ikev1.crypto.groups import NUMBERS


def agreed_life(ours: Policy | Tunnel, offered: Life) -> Life:
    """The lifetime of an SA that was offered with lifetime ``offered`` and accepted."""
    if ours.check is ProposalCheck.OBEY:
        return Life(offered.seconds, offered.kilobytes or ours.lifetime_kilobytes)
    return shorter(offered, Life(ours.lifetime, ours.lifetime_kilobytes))


def allows_life(ours: Policy | Tunnel, offered: Life) -> bool:
    """Whether the lifetime ``offered`` is acceptable. Only limits that the operator configured are enforced."""
    check = ours.check
    if check is ProposalCheck.OBEY or check is ProposalCheck.CLAIM:
        return True
    exact = check is ProposalCheck.EXACT
    return not (
        (ours.lifetime_set and _breaks(ours.lifetime, offered.seconds, exact))
        or _breaks(ours.lifetime_kilobytes, offered.kilobytes, exact)
    )


def life_differences(ours: Policy | Tunnel, offered: Life) -> list[str]:
    """Describe why the lifetime ``offered`` is not acceptable, one text for each limit; empty if it is acceptable."""
    if allows_life(ours, offered):
        return []
    exact = ours.check is ProposalCheck.EXACT
    limits = (ours.lifetime if ours.lifetime_set else 0, ours.lifetime_kilobytes)
    return [
        f"a lifetime of {'exactly' if exact else 'at most'} {limit} {unit} (proposal_check = {ours.check.value}; "
        f"offered: {f'{amount} {unit}' if amount else 'none'})"
        for limit, amount, unit in zip(limits, offered, ("s", "kB"), strict=True)
        if _breaks(limit, amount, exact)
    ]


def _breaks(limit: int, amount: int, exact: bool) -> bool:
    return limit != 0 and (amount != limit if exact else amount > limit)


def allows_key(check: ProposalCheck, own: int, offered: CipherWord) -> bool:
    """Whether the key length of the ``offered`` cipher is acceptable where ``own`` bits are configured."""
    if offered.octets is None:
        return False
    if check is ProposalCheck.EXACT:
        return offered.key_length == own
    return check is ProposalCheck.OBEY or offered.key_length >= own


def allows_group(check: ProposalCheck, own: int, offered: int) -> bool:
    """Whether perfect forward secrecy with group ``offered`` is acceptable where ``own`` is configured; 0: none."""
    if own == offered:
        return True
    free = check is ProposalCheck.OBEY or (own == 0 and check is not ProposalCheck.EXACT)
    return free and (offered == 0 or offered in NUMBERS)
