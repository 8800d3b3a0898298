"""Options of the daemon that the engine does not need: sockets, files, the data plane, the user to run as."""

from __future__ import annotations

from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path

from ikev1.config.findings import Rule
from ikev1.config.table import Table
from ikev1.config.values import (
    address,
    boolean,
    choice,
    each,
    file_path,
    fragment_size,
    integer,
    interface,
    listener,
    member,
    number,
    port,
    text,
)
from ikev1.core.records.record import Record
from ikev1.core.records.settings import Authority, Connection, Pool, Settings, Shunt, WhenDown
from ikev1.files.places import CONTROL_SOCKET

DATA_PLANES = ("auto", "kernel", "userspace")
LOG_FORMATS = ("text", "json")
LOG_SUBSYSTEMS = ("ike", "chd", "enc", "esp", "net", "cfg", "dmn")
LOG_LEVELS = ("error", "warning", "info", "debug")


class GatewayOptions(Record, frozen=True):
    """The ``[gateway]`` table, without the options of the engine (`ikev1.core.records.settings.Settings`)."""

    listen: tuple[str, ...] = ()  # empty: every address, IPv4 and IPv6
    port: int = 500
    encapsulation_port: int = 4500
    control: str = CONTROL_SOCKET
    data_plane: str = "auto"  # the kernel's ESP where it is available
    tun: str = "ikev1"
    when_stopped: WhenDown = WhenDown.DROP  # what happens to the tunnels' traffic when the gateway is stopped
    log_level: str = "info"
    log_levels: tuple[tuple[str, str], ...] = ()  # subsystems with another level
    log_format: str = "text"
    metrics: str | None = None  # "address:port", "[address]:port" or the path of a socket; None: no metrics
    metrics_users: bool = False  # whether the names of remote users are in the metrics
    keylog: str | None = None
    record: str | None = None  # the pcapng file that every ISAKMP message is written to
    state: str | None = None  # the SQLite file that preserves SAs across restarts
    user: str | None = None  # switch to this user once the file is read; None: stay the user that started it
    group: str | None = None  # None: the user's own


def gateway_options(table: Table, folder: Path) -> GatewayOptions:
    """The options in ``[gateway]``; file names are relative to ``folder``."""
    default = GatewayOptions()
    path = file_path(folder)
    options = GatewayOptions(
        listen=table.take("listen", each(address), default.listen),
        port=table.take("port", port, default.port),
        encapsulation_port=table.take("encapsulation_port", port, default.encapsulation_port),
        control=table.take("control", path, default.control),
        data_plane=table.take("data_plane", choice(DATA_PLANES), default.data_plane),
        tun=table.take("tun", interface, default.tun),
        when_stopped=table.take("when_stopped", member(WhenDown), default.when_stopped),
        log_level=table.take("log_level", choice(LOG_LEVELS), default.log_level),
        log_levels=_log_levels(table.table("log_levels")),
        log_format=table.take("log_format", choice(LOG_FORMATS), default.log_format),
        metrics=table.take("metrics", listener(folder), default.metrics),
        metrics_users=table.take("metrics_users", boolean, default.metrics_users),
        keylog=table.take("keylog", path, default.keylog),
        record=table.take("record", path, default.record),
        state=table.take("state", path, default.state),
        user=table.take("user", text, default.user),
        group=table.take("group", text, default.group),
    )
    if options.port == options.encapsulation_port:
        table.findings.error(
            table.key("encapsulation_port"),
            Rule.SAME_PORTS,
            f"is {options.port}, the same as port: ESP in UDP needs a separate port",
        )
    if options.group and not options.user:
        table.findings.error(table.key("group"), Rule.UNUSED_KEY, "has no effect without user")
    _check_metrics(options, table)
    return options


def _check_metrics(options: GatewayOptions, table: Table) -> None:
    if options.metrics is None:
        if options.metrics_users:
            table.findings.error(table.key("metrics_users"), Rule.UNUSED_KEY, "has no effect without metrics")
        return
    if find_spec("prometheus_client") is None:
        text = "needs the package prometheus-client, which is not installed: pip install 'ikev1[metrics]'"
        table.findings.error(table.key("metrics"), Rule.MISSING_PACKAGE, text)
    host = options.metrics.rpartition(":")[0].strip("[]")
    if "/" not in options.metrics and not ip_address(host).is_loopback:
        table.findings.warn(
            table.key("metrics"),
            Rule.PUBLIC_METRICS,
            f"whoever can reach {options.metrics} can read the names and the traffic of all tunnels: there is no "
            "authentication; use a loopback address or the path of a socket, or restrict access by a packet filter",
        )


def _log_levels(table: Table) -> tuple[tuple[str, str], ...]:
    found = [(name, table.take(name, choice(LOG_LEVELS), None)) for name in LOG_SUBSYSTEMS]
    table.finish()
    return tuple((name, level) for name, level in found if level is not None)


def engine_settings(
    table: Table,
    options: GatewayOptions,
    connections: tuple[Connection, ...],
    pools: tuple[Pool, ...] = (),
    shunts: tuple[Shunt, ...] = (),
    authorities: tuple[Authority, ...] = (),
) -> Settings:
    """The engine's options in ``[gateway]``, with ``connections``, ``pools``, ``shunts`` and ``authorities``."""
    default = Settings()
    return Settings(
        connections=connections,
        pools=pools,
        shunts=shunts,
        authorities=authorities,
        encapsulation_port=options.encapsulation_port,
        answer_strangers=table.take("answer_strangers", boolean, default.answer_strangers),
        initiator_only=table.take("initiator_only", boolean, default.initiator_only),
        half_open_limit=table.take("half_open_limit", integer(1, 1_000_000), default.half_open_limit),
        retransmit_tries=table.take("retransmit_tries", integer(0, 20), default.retransmit_tries),
        retransmit_timeout=table.take("retransmit_timeout", number(0.1, 60), default.retransmit_timeout),
        retransmit_base=table.take("retransmit_base", number(1, 10), default.retransmit_base),
        retransmit_jitter=table.take("retransmit_jitter", number(0, 1), default.retransmit_jitter),
        delete_rekeyed_delay=table.take("delete_rekeyed_delay", number(1, 3600), default.delete_rekeyed_delay),
        fragment_size=table.take("fragment_size", fragment_size, default.fragment_size),
        initiation_window=table.take("initiation_window", integer(1, 10_000), default.initiation_window),
        nat_keepalive=table.take("nat_keepalive", number(1, 3600), default.nat_keepalive),
        retry_initiate_interval=table.take(
            "retry_initiate_interval", number(0.1, 3600), default.retry_initiate_interval
        ),
        retry_initiate_base=table.take("retry_initiate_base", number(1, 10), default.retry_initiate_base),
        retry_initiate_limit=table.take("retry_initiate_limit", number(1, 86_400), default.retry_initiate_limit),
        retry_initiate_jitter=table.take("retry_initiate_jitter", number(0, 1), default.retry_initiate_jitter),
        next_address_after=table.take("next_address_after", number(1, 3600), default.next_address_after),
        dns_interval=table.take("dns_interval", number(1, 86_400), default.dns_interval),
    )
