"""The records of `show` as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ikev1.cli.counter_help import Words, words_of
from ikev1.cli.views import Direction, IpsecSa, IsakmpSa, Plane


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines of text in columns that are as wide as their widest cell, below the line ``head``."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def duration(seconds: int | None) -> str:
    """A time to read: ``23h 59m``, ``4m 03s``, ``9s``; ``-`` for None."""
    if seconds is None:
        return "-"
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"


def isakmp_table(sas: Iterable[IsakmpSa]) -> str:
    """The table of `show isakmp sa`."""
    head = ("dst", "src", "state", "conn-id", "status", "connection", "suite", "left", "rekey in", "NAT", "peer")
    return table(head, map(_isakmp_line, sas))


def _isakmp_line(sa: IsakmpSa) -> tuple[str, ...]:
    return (
        *(sa.dst, sa.src, sa.state, str(sa.conn_id), sa.status, sa.connection + _removed(sa), sa.suite),
        *(duration(sa.expires_in), duration(sa.rekey_in), _nat(sa), sa.maker),
    )


def _removed(sa: IsakmpSa | IpsecSa) -> str:
    return " (not configured)" if sa.removed else ""


def _nat(sa: IsakmpSa) -> str:
    return f"{sa.nat}, moved {sa.moves}x" if sa.moves else sa.nat


def isakmp_detail_text(sas: Iterable[IsakmpSa]) -> str:
    """The text of `show isakmp sa --detail`: a block for each ISAKMP SA."""
    return "\n\n".join(map(_isakmp_block, sas))


def _isakmp_block(sa: IsakmpSa) -> str:
    return "\n".join(
        (
            f"{sa.connection}{_removed(sa)}, conn-id {sa.conn_id}, {sa.state}, {sa.status}",
            f"  initiator {sa.src}, responder {sa.dst}",
            f"  local identity {sa.local_id}, remote identity {sa.remote_id}",
            f"  cookies {sa.cookies}",
            f"  suite: {sa.suite or '-'}",
            f"  NAT: {_nat(sa)}",
            f"  peer: {sa.maker or 'unknown implementation'}",
            f"  lifetime: {duration(sa.expires_in)} left, rekey in {duration(sa.rekey_in)}",
            f"  {sa.state}: {sa.meaning}",
        )
    )


def states_text(sas: Iterable[IsakmpSa]) -> str:
    """The meanings of the state words in a table, a line each."""
    return "\n".join(f"{state}: {meaning}" for state, meaning in sorted({(sa.state, sa.meaning) for sa in sas}))


def ipsec_text(sas: Iterable[IpsecSa]) -> str:
    """The text of `show ipsec sa`: a block for each pair of SAs."""
    return "\n\n".join(map(_block, sas))


def _block(sa: IpsecSa) -> str:
    pfs = f", PFS {sa.pfs}" if sa.pfs else ""
    return "\n".join(
        (
            f"{sa.connection}/{sa.tunnel}{_removed(sa)}, conn-id {sa.conn_id}, {sa.state}",
            f"  local {sa.local}, peer {sa.peer} port {sa.peer_port}",
            f"  local  ident: {', '.join(sa.local_ident)}",
            f"  remote ident: {', '.join(sa.remote_ident)}",
            f"  #pkts encaps: {sa.outbound.packets} ({sa.outbound.bytes} bytes{_last(sa.outbound.idle)})",
            f"  #pkts decaps: {sa.inbound.packets} ({sa.inbound.bytes} bytes{_last(sa.inbound.idle)})",
            f"  #send errors {sum(sa.outbound.errors.values())}, #recv errors {sum(sa.inbound.errors.values())}",
            *(f"    {_drop_line(name, count, words_of(name))}" for name, count in _errors(sa)),
            *_spis("inbound ", sa.protocol, sa.inbound),
            *_spis("outbound", sa.protocol, sa.outbound),
            f"  transform: {sa.suite}{pfs}",
            f"  in use settings ={{{', '.join((_mode(sa.mode), *sa.settings))}, }}",
            f"  lifetime: {_lifetime(sa)}",
        )
    )


def _spis(way: str, protocol: str, direction: Direction) -> list[str]:
    compressed = [f"  {way} pcp cpi: {direction.cpi}"] if direction.cpi else []
    return [f"  {way} {protocol} spi: {direction.spi}", *compressed]


def _mode(mode: str) -> str:
    """The mode in Cisco's words: ``Tunnel``, ``Transport UDP-Encaps``."""
    return mode.title().replace(" In Udp", " UDP-Encaps")


def _errors(sa: IpsecSa) -> Iterable[tuple[str, int]]:
    return (*sa.outbound.errors.items(), *sa.inbound.errors.items())


def _drop_line(name: str, count: int, words: Words) -> str:
    return f"{count} {name}: {words.meaning}. Likely cause: {words.cause}. Remedy: {words.cure}."


def plane_text(plane: Plane) -> str:
    """The text of `show plane`."""
    return f"data plane: {plane.name}: {plane.reason}\n{drops_text(plane) or 'no packets were dropped'}"


def drops_text(plane: Plane) -> str:
    """A line for each reason for which packets were dropped; empty if none were."""
    if not plane.drops:
        return ""
    lines = (_drop_line(each.name, each.count, Words(each.meaning, each.cause, each.cure)) for each in plane.drops)
    return "\n  ".join(("packets dropped since the gateway started:", *lines))


def _last(idle: int | None) -> str:
    return "" if idle is None else f", last {duration(idle)} ago"


def _lifetime(sa: IpsecSa) -> str:
    left = "no limit" if sa.expires_in is None else f"{duration(sa.expires_in)} left"
    rekey = "no rekeying" if sa.rekey_in is None else f"rekey in {duration(sa.rekey_in)}"
    return f"{left}, {rekey}, up for {duration(sa.age)}"
