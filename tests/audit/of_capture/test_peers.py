"""What peers announce."""

from __future__ import annotations

from ikev1.audit.of_capture.peers import dead_peer_detection, makers
from ikev1.audit.parsed import ParsedConversation, parse_report
from ikev1.capture.records.report import Message
from ikev1.wire.payloads import VendorId
from reported import conversation, message, phase1, report, sa, share

DPD = VendorId(bytes.fromhex("afcad71368a1f1c96b8696fc77570100"))
STRONGSWAN = VendorId(bytes.fromhex("882fe56d6fd20dbc2251613b2ebe5beb"))


def main_mode(first: Message, second: Message) -> tuple[ParsedConversation, ...]:
    return parse_report(report(conversation(first, second, message("MM3", *share(1)), message("MM4", *share(2)))))


def test_both_announce_it() -> None:
    readings = main_mode(message("MM1", sa(phase1()), DPD), message("MM2", sa(phase1()), DPD))
    assert list(dead_peer_detection(readings)) == []


def test_one_does_not() -> None:
    readings = main_mode(message("MM1", sa(phase1()), DPD), message("MM2", sa(phase1())))
    (found,) = dead_peer_detection(readings)
    assert [each.message for each in found.evidence] == ["MM4"]


def test_who_was_interrupted_may_have_had_more_to_say() -> None:
    readings = parse_report(report(conversation(message("MM1", sa(phase1())), message("MM2", sa(phase1())))))
    assert list(dead_peer_detection(readings)) == []


def test_a_maker_shows() -> None:
    (found,) = makers(main_mode(message("MM1", sa(phase1()), STRONGSWAN), message("MM2", sa(phase1()), DPD)))
    assert "strongSwan" in found.found


def test_extensions_name_nobody() -> None:
    assert list(makers(main_mode(message("MM1", sa(phase1()), DPD), message("MM2", sa(phase1()), DPD)))) == []
