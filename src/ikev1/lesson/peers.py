"""The settings of the two peers of a lesson: gateways with a pre-shared key and a tunnel between two networks."""

from __future__ import annotations

from ikev1.core.records.child_sa import IpsecSuite
from ikev1.core.records.ike_sa import Phase1Suite
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Aggressive, Connection, IpsecProposal, Mode, Policy, Settings, Tunnel
from ikev1.crypto.suites import IkeProposal, parse_esp_proposal, parse_ike_proposal

CONNECTION, TUNNEL = "lesson", "net"
INITIATOR, RESPONDER = "initiator.example", "responder.example"
_LEFT, _RIGHT = Selector.parse("10.1.0.0/16"), Selector.parse("10.2.0.0/16")
_ESP = "aes128gcm16"
_LIFETIME = 86_400  # seconds, of the ISAKMP SA
_STRONGEST = ("aes256", "sha512")  # preferred by the initiator, not supported by the responder
_SECOND = ("aes256", "sha384")


def initiator_settings(aggressive: bool, suite: str, pre_shared_key: bytes) -> Settings:
    """The settings of the initiator, which offers a second, preferred suite, so that the responder has to select.

    Raises:
        ValueError: ``suite`` is unknown.
    """
    selected = parse_ike_proposal(suite)
    preferred = _policy(1, _better_than(selected))
    return Settings(
        connections=(
            Connection(
                name=CONNECTION,
                policies=(preferred, _policy(2, selected)),
                tunnels=(_tunnel(selected, _LEFT, _RIGHT),),
                secret=pre_shared_key,
                mode=Mode.AGGRESSIVE if aggressive else Mode.MAIN,
                local_id=INITIATOR,
                remote_id=RESPONDER,
            ),
        )
    )


def responder_settings(suite: str, pre_shared_key: bytes) -> Settings:
    """The settings of the responder.

    Raises:
        ValueError: ``suite`` is unknown.
    """
    selected = parse_ike_proposal(suite)
    return Settings(
        connections=(
            Connection(
                name=CONNECTION,
                policies=(_policy(1, selected),),
                tunnels=(_tunnel(selected, _RIGHT, _LEFT),),
                secret=pre_shared_key,
                aggressive=Aggressive.ACCEPT_PSK,
                local_id=RESPONDER,
                remote_id=INITIATOR,
            ),
        )
    )


def _better_than(selected: IkeProposal) -> IkeProposal:
    """Another suite of the same group, because Aggressive Mode can offer only one group."""
    group = selected.group
    strongest, second = (
        parse_ike_proposal("-".join((*words, "modp2048")))._replace(group=group) for words in (_STRONGEST, _SECOND)
    )
    return second if strongest == selected else strongest


def _policy(priority: int, proposal: IkeProposal) -> Policy:
    return Policy(priority, Phase1Suite(*proposal), lifetime=_LIFETIME)


def _tunnel(selected: IkeProposal, local: Selector, remote: Selector) -> Tunnel:
    """The tunnel, with perfect forward secrecy in the group of phase 1."""
    esp = parse_esp_proposal(_ESP)
    proposal = IpsecProposal(IpsecSuite(esp.encryption, esp.key_length, esp.integrity), selected.group)
    return Tunnel(TUNNEL, local, remote, (proposal,))
