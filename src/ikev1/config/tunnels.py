"""Tunnels: ``[connection.NAME.tunnel.NAME]``, each one pair of networks (RFC 2409 §5.5)."""

from __future__ import annotations

from collections.abc import Callable

from ikev1.config.algorithms import ah_proposal, esp_proposal, group, warn_weak_ipsec
from ikev1.config.files import Files
from ikev1.config.findings import Rule
from ikev1.config.interfaces import read_interface
from ikev1.config.packet_marks import read_packet_marks
from ikev1.config.programs import program
from ikev1.config.rekeying import read_tunnel_lives
from ikev1.config.selectors import with_numbers
from ikev1.config.table import Table
from ikev1.config.values import boolean, each, host_bits, integer, kilobytes, member, text
from ikev1.core.records.child_sa import IpsecMode
from ikev1.core.records.selector import DYNAMIC, Selector
from ikev1.core.records.settings import HOUR, IpsecProposal, ProposalCheck, Start, Tunnel, WhenDown
from ikev1.crypto.suites import DEFAULT_ESP

LARGEST_WINDOW = 4096  # packets


def read_tunnel(name: str, table: Table, check: ProposalCheck, files: Files) -> Tunnel:
    """The tunnel of this name, in a connection with this ``proposal_check``; errors are reported."""
    lives = read_tunnel_lives(table)
    interface, marks = read_interface(table, read_packet_marks(table))
    by_default = not any(key in table for key in ("proposals", "ah_proposals", "pfs"))
    tunnel = Tunnel(
        name=name,
        local=table.take("local", one_selector(table, "local"), DYNAMIC),
        remote=table.take("remote", one_selector(table, "remote"), DYNAMIC),
        proposals=_read_proposals(table),
        lifetime=lives.lifetime or HOUR,
        lifetime_kilobytes=table.take("lifetime_kilobytes", kilobytes, 0),
        lifetime_set=bool(lives.lifetime),
        rekeying=lives.rekeying,
        check=check,
        start=table.take("start", member(Start), Start.NONE),
        replay_window=table.take("replay_window", integer(0, LARGEST_WINDOW), 64),
        mode=table.take("mode", member(IpsecMode), IpsecMode.TUNNEL),
        compress=table.take("compress", boolean, False),
        sha256_96=table.take("sha256_96", boolean, False),
        marks=marks,
        interface=interface,
        updown=table.take("updown", program(files.folder), ()),
        when_down=table.take("when_down", member(WhenDown), None),
        pfs_if_refused=by_default,
    )
    table.finish()
    return tunnel


def one_selector(table: Table, key: str) -> Callable[[object], Selector]:
    """A converter: networks with host bits set are accepted without these, with a warning."""

    def convert(value: object) -> Selector:
        if isinstance(value, list):
            raise ValueError("expected one network: a Quick Mode negotiates one pair, so configure a tunnel for each")
        selector = Selector.parse(with_numbers(text(value)))
        network = text(value).partition("[")[0].strip()
        if (cleared := host_bits(network)) is not None:
            table.findings.warn(
                table.key(key), Rule.HOST_BITS, f"{network} has host bits set: the network {cleared} is used"
            )
        return selector

    return convert


def _read_proposals(table: Table) -> tuple[IpsecProposal, ...]:
    proposals = table.take("proposals", each(esp_proposal(table.findings, table.key("proposals"))), ())
    with_ah = table.take("ah_proposals", each(ah_proposal), ())
    if proposals and with_ah:
        table.findings.error(
            table.key("ah_proposals"), Rule.ESP_AND_AH, "cannot be combined with proposals: use ESP or AH"
        )
    proposals = proposals or with_ah or tuple(map(esp_proposal(table.findings, ""), DEFAULT_ESP))
    pfs = table.take("pfs", group, None)
    if pfs is not None:
        proposals = tuple(IpsecProposal(each.suite, each.group or pfs.number) for each in proposals)
    warn_weak_ipsec(table.findings, table.path, proposals)
    return proposals
