"""Who the two ends of a lesson are: two gateways with one pre-shared key and one tunnel between two networks."""

from __future__ import annotations

from ikev1.core.records.model import IpsecSuite, Phase1Suite
from ikev1.core.records.selector import Selector
from ikev1.core.records.settings import Aggressive, Connection, IpsecProposal, Mode, Policy, Settings, Tunnel
from ikev1.crypto.suites import IkeProposal, parse_esp_proposal, parse_ike_proposal

CONNECTION, TUNNEL = "lesson", "net"
INITIATOR, RESPONDER = "initiator.example", "responder.example"
_LEFT, _RIGHT = Selector.parse("10.1.0.0/16"), Selector.parse("10.2.0.0/16")
_ESP = "aes128gcm16"
_LIFETIME = 86_400  # seconds, of the ISAKMP SA
_STRONGEST = ("aes256", "sha512")  # what the initiator would like better; the responder does not have it
_SECOND = ("aes256", "sha384")


def initiator_settings(aggressive: bool, suite: str, pre_shared_key: bytes) -> Settings:
    """The end that calls. It has a second suite, which it prefers, so that there is something to choose.

    Raises:
        ValueError: there is no such suite.
    """
    taken = parse_ike_proposal(suite)
    preferred = _policy(1, _better_than(taken))
    return Settings(
        connections=(
            Connection(
                name=CONNECTION,
                policies=(preferred, _policy(2, taken)),
                tunnels=(_tunnel(taken, _LEFT, _RIGHT),),
                secret=pre_shared_key,
                mode=Mode.AGGRESSIVE if aggressive else Mode.MAIN,
                local_id=INITIATOR,
                remote_id=RESPONDER,
            ),
        )
    )


def responder_settings(suite: str, pre_shared_key: bytes) -> Settings:
    """The end that answers.

    Raises:
        ValueError: there is no such suite.
    """
    taken = parse_ike_proposal(suite)
    return Settings(
        connections=(
            Connection(
                name=CONNECTION,
                policies=(_policy(1, taken),),
                tunnels=(_tunnel(taken, _RIGHT, _LEFT),),
                secret=pre_shared_key,
                aggressive=Aggressive.ACCEPT_PSK,
                local_id=RESPONDER,
                remote_id=INITIATOR,
            ),
        )
    )


def _better_than(taken: IkeProposal) -> IkeProposal:
    """Another suite of the same group, for Aggressive Mode can offer one group only."""
    group = taken.group
    strongest, second = (
        parse_ike_proposal("-".join((*words, "modp2048")))._replace(group=group) for words in (_STRONGEST, _SECOND)
    )
    return second if strongest == taken else strongest


def _policy(priority: int, proposal: IkeProposal) -> Policy:
    return Policy(priority, Phase1Suite(*proposal), lifetime=_LIFETIME)


def _tunnel(taken: IkeProposal, local: Selector, remote: Selector) -> Tunnel:
    """The tunnel with perfect forward secrecy in the group of phase 1."""
    esp = parse_esp_proposal(_ESP)
    proposal = IpsecProposal(IpsecSuite(esp.encryption, esp.key_length, esp.integrity), taken.group)
    return Tunnel(TUNNEL, local, remote, (proposal,))
