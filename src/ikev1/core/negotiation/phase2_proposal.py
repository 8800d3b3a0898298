"""Phase 2 proposals: how Quick Mode negotiates an ESP or AH suite, with or without IPComp (RFC 2407 §4.4, §4.5)."""

from __future__ import annotations

from itertools import count, islice

from ikev1.core.negotiation import ipsec_suite
from ikev1.core.negotiation.ipcomp import ipcomp_proposal
from ikev1.core.negotiation.lifetime_attributes import shorter
from ikev1.core.negotiation.phase1_proposal import check_situation
from ikev1.core.negotiation.phase2_offer import Choice, choices, is_answer_to, only_choice
from ikev1.core.negotiation.phase2_transform import transform_of
from ikev1.core.negotiation.proposal_check import agreed_life, allows_group, allows_key, life_differences
from ikev1.core.records.child_sa import IpsecSuite
from ikev1.core.records.events import Code
from ikev1.core.records.exchange import Agreed
from ikev1.core.records.record import replace
from ikev1.core.records.refusal import Refusal
from ikev1.core.records.settings import IpsecProposal, Tunnel
from ikev1.crypto.algorithms import esp_cipher, registered_name
from ikev1.wire.describe import describe_payload
from ikev1.wire.payloads import Proposal, SecurityAssociation, Transform
from ikev1.wire.registry import DOI, EncapsulationMode, IntegrityAlgorithm, NotifyType, ProtocolId, Situation

_NAMED = 8  # proposals that the text of a refusal lists
_CONSIDERED = 256  # transforms of an offer; any others are ignored, since peers send a few dozen at most
_COMPARED = 32  # transforms that the search for the closest match compares


def offer(tunnel: Tunnel, spi: int, mode: EncapsulationMode, cpi: int = 0) -> SecurityAssociation:
    """Return the SA payload that offers the proposals of ``tunnel``, which have one group (`of_one_group`), with the
    inbound SPI ``spi``. Unless ``cpi`` is 0, each proposal is offered with IPComp first, then without.
    """
    numbers = count(1)
    proposals = []
    for wanted in tunnel.proposals:
        transforms = (transform_of(wanted, tunnel, mode),)
        protocol = wanted.suite.protocol
        if cpi:
            number = next(numbers)
            proposals.append(Proposal(number, protocol, spi.to_bytes(4), transforms))
            proposals.append(ipcomp_proposal(number, cpi, tunnel, mode, wanted.group))
        proposals.append(Proposal(next(numbers), protocol, spi.to_bytes(4), transforms))
    return SecurityAssociation(DOI.IPSEC, Situation.IDENTITY_ONLY, tuple(proposals))


def as_installed(tunnel: Tunnel, suite: IpsecSuite) -> IpsecSuite:
    """The ``suite`` that ``tunnel`` negotiated, with what is configured and not negotiated."""
    short = tunnel.sha256_96 and suite.integrity == IntegrityAlgorithm.HMAC_SHA2_256
    return replace(suite, sha256_96=True) if short else suite


def of_one_group(tunnel: Tunnel, preferred: int) -> Tunnel:
    """``tunnel`` with those of its proposals that can be offered together: "the attribute describing the Diffie-Hellman
    group MUST be included in every transform of every proposal" (RFC 2409 §5.5).

    These are the ones with the ``preferred`` group, that of phase 1, since the peer has it and strongSwan chooses it,
    too; if there are none, those with the group of the first.
    """
    groups = [proposal.group for proposal in tunnel.proposals]
    group = preferred if preferred in groups else groups[0]
    return replace(tunnel, proposals=tuple(each for each in tunnel.proposals if each.group == group))


def as_before(tunnel: Tunnel, suite: IpsecSuite, group: int) -> Tunnel:
    """``tunnel`` with the suite and group of an existing pair of IPsec SAs as a proposal, if still allowed.

    If we accepted a stronger suite than configured, we propose the same suite when we rekey, since the peer may reject
    a weaker one.
    """
    earlier = IpsecProposal(replace(suite, sha256_96=False), group)
    if earlier in tunnel.proposals or not any(_allows(tunnel, wanted, earlier) for wanted in tunnel.proposals):
        return tunnel
    return replace(tunnel, proposals=(earlier, *tunnel.proposals))


def with_forward_secrecy(tunnel: Tunnel, group: int) -> Tunnel:
    """``tunnel`` with ``group`` in its proposals if they have none, because the peer demands it."""
    if any(proposal.group for proposal in tunnel.proposals):
        return tunnel
    return replace(tunnel, proposals=tuple(IpsecProposal(each.suite, group) for each in tunnel.proposals))


def choose(tunnel: Tunnel, offered: SecurityAssociation, mode: EncapsulationMode) -> tuple[Agreed, Choice]:
    """Return what the first matching proposal of ``tunnel`` negotiates, and the choice that matches it.

    If several choices match, one with IPComp is preferred if the tunnel uses compression, then one that equals the
    proposal of ``tunnel`` to one with a longer key.

    Raises:
        Refusal: no choice matches; the text describes the closest match.
    """
    check_situation(offered)
    found = [*islice(choices(offered.proposals), _CONSIDERED)]
    for wanted in tunnel.proposals:
        suitable = [each for each in found if _allows_suite(tunnel, wanted.suite, each.found.proposal.suite)]
        fitting = [each for each in suitable if not _differences(tunnel, wanted, mode, each)]
        if fitting:
            taken = fitting[0] if len(fitting) == 1 else min(fitting, key=lambda each: _drawbacks(tunnel, wanted, each))
            return _agreed(taken, tunnel), taken
    reason = _nearest_miss(tunnel, mode, found) if found else _nothing_in(offered)
    raise Refusal(
        Code.NO_PROPOSAL_CHOSEN,
        f"no proposal of tunnel {tunnel.name!r} matches the peer's; {reason}",
        notify=NotifyType.NO_PROPOSAL_CHOSEN,
    )


def _nearest_miss(tunnel: Tunnel, mode: EncapsulationMode, found: list[Choice]) -> str:
    compared = found[:_COMPARED]
    misses = [(each, _differences(tunnel, each, mode, choice)) for each in tunnel.proposals for choice in compared]
    wanted, differences = min(misses, key=lambda miss: len(miss[1]))
    return f"closest match: proposal {_name(wanted)} requires {' and '.join(differences)}"


def _drawbacks(tunnel: Tunnel, wanted: IpsecProposal, choice: Choice) -> tuple[bool, bool]:
    return tunnel.compress and choice.compressed is None, choice.found.proposal != wanted


def chosen_sa(offered: SecurityAssociation, taken: Choice, spi: int, cpi: int) -> SecurityAssociation:
    """Return the SA payload that selects ``taken``: its transforms "as offered" (RFC 2409 §5) with our inbound SPI and
    CPI.
    """
    proposals = [_under(taken.proposal, spi.to_bytes(4), (taken.transform,))]
    if taken.ipcomp is not None and taken.compressed is not None:
        octets = cpi.to_bytes(len(taken.ipcomp.spi))
        proposals.append(_under(taken.ipcomp, octets, (taken.compressed.transform,)))
    return SecurityAssociation(offered.doi, offered.situation, tuple(proposals))


def under_spis(chosen: SecurityAssociation, spi: int, cpi: int) -> SecurityAssociation:
    """``chosen``, of ESP or AH and then perhaps IPComp, under an SPI, and a CPI in as many octets as it had."""
    securing, *ipcomp = chosen.proposals
    proposals = [_under(securing, spi.to_bytes(4), securing.transforms)]
    proposals += [_under(each, cpi.to_bytes(len(each.spi)), each.transforms) for each in ipcomp]
    return SecurityAssociation(chosen.doi, chosen.situation, tuple(proposals))


def _under(proposal: Proposal, spi: bytes, transforms: tuple[Transform, ...]) -> Proposal:
    return Proposal(proposal.number, proposal.protocol, spi, transforms)


def accept(tunnel: Tunnel, offered: SecurityAssociation, answer: SecurityAssociation) -> Agreed:
    """Return what the responder's ``answer`` selected from the transforms ``offered``. Its lifetime may differ from the
    one offered: the shorter one is used.

    Raises:
        Refusal: the selected transform was not offered, or has no SPI of the responder.
    """
    check_situation(answer)
    chosen = only_choice(answer.proposals)
    if chosen is not None:
        for ours in choices(offered.proposals):
            if is_answer_to(ours, chosen):
                agreed = _agreed(chosen, tunnel)
                return agreed._replace(life=shorter(ours.found.life, agreed.life))
    raise Refusal(
        Code.NO_PROPOSAL_CHOSEN,
        f"the peer selected a proposal that was not offered: {describe_payload(answer)}",
        notify=NotifyType.BAD_PROPOSAL_SYNTAX,
        ends=True,
    )


def _nothing_in(offered: SecurityAssociation) -> str:
    """Describe an offer without any usable proposal."""
    bundles: dict[int, list[str]] = {}
    for proposal in offered.proposals[:_NAMED]:
        bundles.setdefault(proposal.number, []).append(registered_name(ProtocolId, proposal.protocol))
    named = "; ".join(map(" with ".join, bundles.values()))
    return f"ESP or AH with an SPI is required, alone or with IPComp (offered: {named or 'nothing'})"


def _differences(tunnel: Tunnel, wanted: IpsecProposal, mode: int, choice: Choice) -> list[str]:
    found = choice.found
    differences = []
    if not _allows_suite(tunnel, wanted.suite, found.proposal.suite):
        differences.append(f"suite {_name(wanted)} (offered: {_name(found.proposal)})")
    if not allows_group(tunnel.check, wanted.group, found.proposal.group):
        differences.append(f"{_pfs(wanted.group)} (offered: {_pfs(found.proposal.group)})")
    if mode != found.mode:
        differences.append(f"{_mode(mode)} (offered: {_mode(found.mode)})")
    if choice.ipcomp is not None:
        if not tunnel.compress:
            differences.append("no IPComp (compress = false; offered: only with IPComp)")
        elif choice.compressed is None:
            differences.append("IPComp with DEFLATE and a valid CPI (offered: another IPComp)")
    return [*differences, *life_differences(tunnel, found.life), *found.faults]


def _allows(tunnel: Tunnel, wanted: IpsecProposal, found: IpsecProposal) -> bool:
    return _allows_suite(tunnel, wanted.suite, found.suite) and allows_group(tunnel.check, wanted.group, found.group)


def _allows_suite(tunnel: Tunnel, wanted: IpsecSuite, found: IpsecSuite) -> bool:
    if wanted == found:
        return True
    same = (
        wanted.encryption == found.encryption != 0  # 0 for AH, which has no variable key length
        and wanted.integrity == found.integrity
        and wanted.protocol == found.protocol
        and wanted.esn == found.esn
    )
    return same and allows_key(tunnel.check, wanted.key_length, esp_cipher(found.encryption, found.key_length))


def _agreed(choice: Choice, tunnel: Tunnel) -> Agreed:
    found = choice.found
    life = agreed_life(tunnel, found.life)
    agreed = Agreed(
        as_installed(tunnel, found.proposal.suite),
        found.proposal.group,
        life,
        int.from_bytes(choice.proposal.spi),
        life != found.life,
        found.ignored,
    )
    if choice.compressed is None:
        return agreed
    return agreed._replace(compression=choice.compressed.transform.id, cpi=choice.compressed.cpi)


def _name(proposal: IpsecProposal) -> str:
    return ipsec_suite.name(proposal.suite)


def _pfs(group: int) -> str:
    return f"perfect forward secrecy with group {group}" if group else "no perfect forward secrecy"


def _mode(mode: int) -> str:
    return f"mode {registered_name(EncapsulationMode, mode)}"
