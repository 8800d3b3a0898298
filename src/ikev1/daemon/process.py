"""The daemon as a process: it reads the configuration, handles signals, and releases everything at the end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ikev1.config import DEFAULT_FILE, BackendOptions, ConfigError, GatewayOptions, Loaded, load
from ikev1.config.findings import lines
from ikev1.core.records.settings import Settings, WhenDown
from ikev1.daemon.gateway import Gateway
from ikev1.daemon.host.data_plane_choice import PlaneChoice, choose, forget_kernel, forget_userspace, suites_lacking
from ikev1.daemon.host.sd_notify import notify
from ikev1.daemon.net.endpoint import Endpoint
from ikev1.daemon.net.recorder import Recorder
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.observe.keylog import KeyLog
from ikev1.daemon.observe.log_output import configure, write_to_logger
from ikev1.daemon.remote_access.resolver import Resolver, find_resolver
from ikev1.daemon.vici.server import ViciServer
from ikev1.esp.plane import PlaneError
from ikev1.store import SqliteStore, Store

if TYPE_CHECKING:
    from ikev1.daemon.metrics.server import MetricsServer


def run(
    file: Path = DEFAULT_FILE,
    *,
    keylog: Path | None = None,
    record: Path | None = None,
    control: Path | None = None,
    log_level: str | None = None,
    load: Callable[[Path], Loaded] = load,
    plane: Callable[[GatewayOptions], PlaneChoice] = choose,
) -> None:
    """Run the gateway that ``file`` configures until SIGTERM or SIGINT; SIGHUP reloads the file.

    ``load`` reads the file; ``keylog``, ``record``, ``control`` and ``log_level`` override it. Log lines go to the
    logger ``ikev1``: to standard error, unless the caller has configured logging.

    Raises:
        ConfigError: the configuration is not usable.
        OSError: a port, the control socket, the key log or the recording cannot be opened.
        PlaneError: the data plane is not available.
        StoreError: the file of the store is not usable.
    """
    loaded = load(file)
    options = loaded.gateway
    configure(options.log_format)
    log = EventLog()
    levels = {} if log_level else {group.upper(): Level[level.upper()] for group, level in options.log_levels}
    log.attach(Level[(log_level or options.log_level).upper()], write_to_logger, levels)
    chosen = plane(options)
    log.write(Level.INFO, "ESP", f"data plane {chosen.name}: {chosen.reason}")
    if chosen.kernel:
        _try_suites(loaded.settings, log)
    configuration = _Configuration(lambda: load(file), loaded, chosen, log)
    endpoint = Endpoint(log, options.port, options.encapsulation_port, options.listen, coalesce=not chosen.kernel)
    asyncio.run(
        serve(
            loaded.settings,
            endpoint,
            chosen,
            log,
            control=control or Path(options.control),
            metrics=options.metrics,
            metrics_users=options.metrics_users,
            keylog=keylog or (Path(options.keylog) if options.keylog else None),
            record=record or (Path(options.record) if options.record else None),
            load_settings=configuration.load,
            users=lambda: configuration.loaded.aaa,
            journal=(control or Path(options.control)).with_name("hooks"),
            resolver=find_resolver(chosen.device, options.tun),
            store=SqliteStore(Path(options.state)) if options.state else None,
            forget_other_plane=lambda: _forget_other_plane(options, chosen, log),
            keep_protected=options.when_stopped is WhenDown.DROP,
            options=options,
        )
    )


def _try_suites(settings: Settings, log: EventLog) -> None:
    for line in suites_lacking(settings):
        log.write(Level.WARNING, "ESP", line)


def _forget_other_plane(options: GatewayOptions, chosen: PlaneChoice, log: EventLog) -> None:
    """Remove what an earlier process with the other data plane left, now that ours protects the traffic."""
    forget, left, look = (
        (forget_userspace, "the packet filter", "nft list ruleset")
        if chosen.kernel
        else (forget_kernel, "SAs and policies in the kernel", "ip xfrm policy")
    )
    try:
        if forget(options):
            log.write(Level.INFO, "ESP", f"removed {left} of an earlier process")
    except PlaneError as error:
        text = f"cannot remove {left} of an earlier process, which may block traffic (see `{look}`): {error}"
        log.write(Level.WARNING, "ESP", text, code=error.code)


class _Configuration:
    """The configuration that ``read`` reads; ``loaded`` is the one in use."""

    def __init__(self, read: Callable[[], Loaded], loaded: Loaded, chosen: PlaneChoice, log: EventLog) -> None:
        self._read = read
        self._running = loaded.gateway
        self._chosen = chosen
        self._log = log
        self.loaded = loaded

    def load(self) -> Settings:
        """Read the file again.

        Raises:
            ConfigError: the configuration is not usable; the one before stays in use.
        """
        self.loaded = loaded = self._read()
        for line in lines(loaded.warnings):
            self._log.write(Level.WARNING, "CFG", line)
        if loaded.gateway != self._running:
            self._log.write(Level.WARNING, "CFG", "changes of sockets, files and devices need a restart")
        if self._chosen.kernel:
            _try_suites(loaded.settings, self._log)
        return loaded.settings


async def serve(
    settings: Settings,
    endpoint: Endpoint,
    chosen: PlaneChoice,
    log: EventLog,
    *,
    control: Path,
    load_settings: Callable[[], Settings],
    metrics: str | None = None,
    metrics_users: bool = False,
    keylog: Path | None = None,
    record: Path | None = None,
    store: Store | None = None,
    forget_other_plane: Callable[[], None] = lambda: None,
    keep_protected: bool = False,
    users: Callable[[], BackendOptions] = BackendOptions,
    journal: Path | None = None,
    resolver: Resolver | None = None,
    options: GatewayOptions = GatewayOptions(),  # noqa: B008  it cannot change
    started: Callable[[Gateway, Callable[[], None]], None] | None = None,
    before_end: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Run a gateway in the running event loop until SIGTERM or SIGINT; SIGHUP reloads the configuration.

    ``options`` are those with which the process started. ``metrics`` is where `MetricsServer` listens; None: nowhere.
    With ``keep_protected``, unprotected traffic of tunnels is still dropped afterwards. ``started`` is called once the
    gateway serves, with the gateway and with a function that ends it as SIGTERM does; SIGHUP then ends it, too.
    ``before_end`` is awaited before the SAs are deleted.

    Raises:
        OSError: a port, the control socket, that for metrics, the key log or the recording cannot be opened.
        PlaneError: the data plane is not available.
        StoreError: the file of the store is not usable.
    """
    # Ports first: a second gateway, started by mistake, fails here, and has changed nothing of the first one's. Then
    # files: if one cannot be opened, no data plane has to be removed.
    endpoint.bind()
    try:
        keys = KeyLog(keylog, log) if keylog is not None else None
        if keys is not None:
            text = f"writing keys to {keylog}: anyone who reads this file can decrypt all traffic"
            log.write(Level.WARNING, "CFG", text)
        if record is not None:
            endpoint.recorder = Recorder(record, log, endpoint.encapsulation_port)
            log.write(Level.INFO, "CFG", f"recording ISAKMP messages in {record}")
        gateway = Gateway(
            settings,
            endpoint,
            chosen,
            log,
            load=load_settings,
            users=users,
            journal=journal,
            resolver=resolver,
            store=store,
        )
    except BaseException:
        endpoint.close()
        raise
    if keys is not None:
        gateway.observers.append(keys.observe)
    vici = ViciServer(gateway, control, options=options)
    scraped = _metrics_server(gateway, metrics, metrics_users)
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if started is None:
        loop.add_signal_handler(signal.SIGHUP, _reload, gateway)
    else:
        loop.add_signal_handler(signal.SIGHUP, ended.set)
    try:
        gateway.start()
        forget_other_plane()
        await vici.start()
        if scraped is not None:
            await scraped.start()
        log.write(Level.INFO, "NET", f"listening on ports {endpoint.port} and {endpoint.encapsulation_port}")
        notify("READY=1")
        if started is not None:
            started(gateway, ended.set)
        await ended.wait()
    finally:
        notify("STOPPING=1")
        if before_end is not None:
            await before_end()
        if scraped is not None:
            await scraped.close()
        await vici.close()
        await gateway.close(keep_protected=keep_protected)


def _metrics_server(gateway: Gateway, where: str | None, users: bool) -> MetricsServer | None:
    if where is None:
        return None
    from ikev1.daemon.metrics.server import MetricsServer  # it needs an extra

    return MetricsServer(gateway, where, users=users)


def _reload(gateway: Gateway) -> None:
    notify("RELOADING=1")
    try:
        gateway.reload()
    except ConfigError as error:
        for finding in error.findings:
            gateway.log.write(Level.ERROR, "CFG", f"configuration not reloaded: {finding}", code=error.code)
    except Exception as error:
        gateway.log.bug("the reload of the configuration", error)
    notify("READY=1")
