"""`ikev1 connect`: this host as client of a gateway, in the foreground or in the background."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from ikev1.cli.connect.background import split
from ikev1.cli.connect.backup import BackupServers, at, memory
from ikev1.cli.connect.configuration import FOLDER_PREFIX, ConnectOptions, configuration
from ikev1.cli.connect.killed import note_device, undo
from ikev1.cli.connect.l2tp import checked_password, l2tp_of
from ikev1.cli.connect.profile import profile_in
from ikev1.cli.connect.secrets import Prompt, ask_secret, kept_terminal, secret_in_file, secret_in_keyring
from ikev1.cli.connect.socks import SocksOptions, proxy, socks_options
from ikev1.cli.connect.wording import places_of
from ikev1.config import ConfigError, Loaded, load_values
from ikev1.config.formats.cisco_client import Profile
from ikev1.config.formats.cisco_client.tables import dead_peers, gateways, nat_traversal
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Settings
from ikev1.daemon.host.privileges import PrivilegeError, hide_memory, reduce_privileges
from ikev1.daemon.l2tp.link import L2tpLink
from ikev1.daemon.l2tp.private_folder import BASE
from ikev1.daemon.observe.event_log import EventLog
from ikev1.files.private import open_private
from ikev1.files.temporary import temporary_folder

ENCAPSULATION_PORT = 4500  # of the gateway, whatever ours is (RFC 3947 §4)
_LAST_PORT = 65_534
EXIT_STATUS = {  # by `ikev1.daemon.client.Outcome`; 2 is wrong usage, as click has it
    "disconnected": 0,
    "failed": 1,
    "silent": 3,
    "authentication-failed": 4,
    "proposal-refused": 5,
    "lost": 6,
    "link-failed": 8,  # 7 is `ikev1.cli.connect.l2tp.MISSING_STATUS`
    "interrupted": 130,
}
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("gateway", required=False)
@click.option("--group", help="The name of the group (IPSec ID).")
@click.option("--user", help="The name of the user (XAUTH).")
@click.option("--domain", help="The domain of the user.")
@click.option("--secret-file", type=_FILE, help="The secret of the group: the first line of this file.")
@click.option("--password-file", type=_FILE, help="The password of the user: the first line of this file.")
@click.option("--vpnc-conf", type=_FILE, help="A configuration of vpnc or a .pcf; options given here have precedence.")
@click.option("--allow-weak", is_flag=True, help="Accept what lowers the security: in --vpnc-conf, or of L2TP.")
@click.option("--main-mode", is_flag=True, help="Main Mode instead of Aggressive Mode.")
@click.option("--hybrid", is_flag=True, help="The gateway has a certificate, the user a password only; needs --ca.")
@click.option("--ca", type=_FILE, help="The certificate of the authority that the gateway's is of.")
@click.option("--cert", type=_FILE, help="The certificate of this host; needs --key.")
@click.option("--key", type=_FILE, help="The private key of --cert.")
@click.option("--local-id", help="The identity of this host.  [default: the group, or the subject of --cert]")
@click.option("--remote-id", help="The identity that the gateway must prove.")
@click.option("--dh-group", help="The Diffie-Hellman group.  [default: modp2048]")
@click.option("--pfs", help="The Diffie-Hellman group of Quick Mode.  [default: none]")
@click.option("--ike", multiple=True, metavar="PROPOSAL", help="A proposal for phase 1; may be repeated.")
@click.option("--esp", multiple=True, metavar="PROPOSAL", help="A proposal for phase 2; may be repeated.")
@click.option("--network", multiple=True, help="A network behind the gateway; may be repeated.  [default: all]")
@click.option("--script", metavar="COMMAND", help="Configures routes and name servers instead, as that of vpnc.")
@click.option("--no-dns", is_flag=True, help="Leave the resolver of this host as it is.")
@click.option("--local-lan", is_flag=True, help="Reach the local network directly, if the gateway permits it.")
@click.option("--device", default="ikev1c", show_default=True, help="The TUN device, where the kernel has no ESP.")
@click.option("--data-plane", type=click.Choice(("auto", "kernel", "userspace")), default="auto", show_default=True)
@click.option(
    "--local-port", type=click.IntRange(1, _LAST_PORT), help="This UDP port and the next.  [default: 500, 4500]"
)
@click.option("--socks", metavar="[ADDR:]PORT", help="A SOCKS proxy instead of addresses and routes; needs no root.")
@click.option("--l2tp", is_flag=True, help="L2TP in IPsec, with the system's xl2tpd and pppd.")
@click.option("--socks-login-file", type=_FILE, help="USER:PASSWORD for clients of the proxy: the first line of FILE.")
@click.option("--background", is_flag=True, help="Return when the connection is up; `ikev1 disconnect` ends it.")
@click.option("--pid-file", type=_FILE, help="Write the process number to this file.")
@click.option("--verbose", is_flag=True, help="Show the log instead of a short account.")
def connect(
    vpnc_conf: Path | None,
    allow_weak: bool,
    secret_file: Path | None,
    password_file: Path | None,
    background: bool,
    pid_file: Path | None,
    local_port: int | None,
    socks: str | None,
    socks_login_file: Path | None,
    l2tp: bool,
    verbose: bool,
    **given: Any,
) -> NoReturn:
    """Connect this host to GATEWAY as a Cisco VPN client does: a group, a user, and an address from the gateway.

    Secrets that no file and no keyring has are asked for at the terminal. Exit status: 0 disconnected by the user,
    1 failed, 2 wrong usage or configuration, 3 the gateway is silent, 4 authentication failed, 5 the gateway refused
    what was proposed, 6 the connection was lost, 7 a program for L2TP is missing, 8 the PPP link failed or ended, 130
    interrupted before it was up.
    """
    try:
        hide_memory()  # before any secret is read
        ppp = l2tp_of(click.get_current_context().params) if l2tp else None
        profile, warnings = profile_in(vpnc_conf, allow_weak=allow_weak) if vpnc_conf is not None else (None, ())
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)
        conf = _said(profile)
        options = _options(conf, {**given, "socks": socks})
        options = ppp.configured(options) if ppp is not None else options
        pid_file = pid_file or (Path(conf["pid_file"]) if "pid_file" in conf else None)
        local_port = local_port or local_port_of(conf)
        for_socks = socks_options(socks, socks_login_file)
        secret, password = _secrets(options, conf, secret_file, password_file)
        loaded = _load(options, secret, password)
        reduce_privileges()
        hide_memory()
        on_up = split() if background else None
    except click.Abort:
        sys.exit(EXIT_STATUS["interrupted"])
    except (OSError, PrivilegeError) as error:
        raise click.ClickException(f"Cannot connect: {error}.") from error
    with temporary_folder(FOLDER_PREFIX, lambda left: undo(left, loaded.gateway)) as folder:
        written = _write_pid(pid_file)
        try:
            with kept_terminal():
                status = _run(
                    loaded,
                    options,
                    folder,
                    on_up,
                    local_port,
                    for_socks,
                    (lambda log: ppp.link(password, log)) if ppp is not None else (lambda log: nullcontext()),
                    verbose=verbose,
                )
        finally:
            if written is not None:
                written.unlink(missing_ok=True)
    sys.exit(status)


def _said(profile: Profile | None) -> dict[str, Any]:
    """The values of a profile by the names in `ikev1.config.formats.cisco_client.profile.Key`."""
    if profile is None:
        return {}
    values = {name: found.value for name, found in profile.values.items()}
    return {**values, **dead_peers(profile), "gateways": gateways(profile), "nat_traversal": nat_traversal(profile)}


def _options(conf: dict[str, Any], given: dict[str, Any]) -> ConnectOptions:
    """What the command line says, and the profile where it says nothing."""
    gateway, *backups = [given["gateway"]] if given["gateway"] else conf.get("gateways") or [""]
    if not gateway:
        raise click.UsageError("no gateway: give it as argument, or as `IPSec gateway` in --vpnc-conf")
    method = conf.get("method", "psk")
    hybrid = given["hybrid"] or method == "hybrid"
    ca = given["ca"] or conf.get("ca", "") or conf.get("ca_folder", "")
    if hybrid and not ca:
        raise click.UsageError("--hybrid needs --ca: by it the gateway is recognised")
    user = given["user"] or conf.get("user", "")
    if hybrid and not user:
        raise click.UsageError("--hybrid needs --user: by its password this host is recognised")
    if bool(given["cert"]) != bool(given["key"]):
        raise click.UsageError("--cert and --key belong together")
    if method == "cert" and not given["cert"]:
        raise click.UsageError("`IKE Authmode cert` in --vpnc-conf needs --cert and --key")
    script = _script(conf, given)
    networks = given["network"] or ((conf["network"],) if "network" in conf else ())
    return ConnectOptions(
        gateway,
        backups=tuple(backups),
        group=given["group"] or conf.get("group", ""),
        user=user,
        domain=given["domain"] or conf.get("domain", ""),
        main_mode=given["main_mode"],
        hybrid=hybrid,
        ca=_path(ca),
        certificate=_path(given["cert"]),
        private_key=_path(given["key"]),
        local_id=given["local_id"] or "",
        remote_id=given["remote_id"] or ("%any" if backups else ""),
        dh_group=given["dh_group"] or conf.get("dh_group", "modp2048"),
        pfs=given["pfs"] or conf.get("pfs", ""),
        ike=given["ike"],
        esp=given["esp"],
        networks=networks,
        local_lan=given["local_lan"] or conf.get("local_lan", False),
        install_dns=not given["no_dns"],
        nat_traversal=conf.get("nat_traversal", "auto"),
        local_address=conf.get("local_address", ""),
        dpd_delay=conf.get("dpd_delay"),
        dpd_timeout=conf.get("dpd_timeout"),
        device=given["device"] if given["device"] != "ikev1c" else conf.get("device", "ikev1c"),
        script=script,
        data_plane="userspace" if script else given["data_plane"],
    )


def _script(conf: dict[str, Any], given: dict[str, Any]) -> str:
    """The script of vpnc; that of a file is of no use to a proxy."""
    if given["socks"]:
        if given["script"]:
            raise click.UsageError("--script configures routes, and --socks uses none: remove one of them")
        return ""
    script: str = given["script"] or conf.get("script", "")
    if script and given["data_plane"] == "kernel":
        raise click.UsageError(
            "--script, or Script in --vpnc-conf, configures a TUN device, and --data-plane kernel has none"
        )
    return script


def local_port_of(conf: dict[str, Any]) -> int | None:
    """vpnc's ``Local Port``: 500 and 0, any port, are what we do without it."""
    port: int = conf.get("local_port", 0)
    return port if port not in (0, 500) else None


def _path(file: Path | str | None) -> str:
    return str(Path(file).absolute()) if file else ""


def _secrets(
    options: ConnectOptions, conf: dict[str, Any], secret_file: Path | None, password_file: Path | None
) -> tuple[bytes, bytes]:
    """The secret of the group and the password: from files, the keyring, or the terminal."""
    secret = password = b""
    if options.needs_secret:
        secret = secret_in_file(secret_file) if secret_file else conf.get("secret", b"")
        kind, name = ("secret", "l2tp") if options.l2tp_port else ("group", options.group)
        secret = secret or secret_in_keyring(options.gateway, kind, name)
        label = f"Secret of the group {options.group}" if options.group else "Secret"
        secret = secret or ask_secret("Pre-shared key" if options.l2tp_port else label, "--secret-file")
    if options.user:
        password = secret_in_file(password_file) if password_file else conf.get("password", b"")
        password = password or secret_in_keyring(options.gateway, "user", options.user)
        if options.l2tp_port:
            password = checked_password(password or ask_secret("Password", "--password-file"))
    return secret, password


def _load(options: ConnectOptions, secret: bytes, password: bytes) -> Loaded:
    try:
        return load_values(configuration(options, secret, password), "connect", places=places_of(options))
    except ConfigError as error:
        raise click.UsageError(str(error)) from error


def _write_pid(file: Path | None) -> Path | None:
    if file is None:
        return None
    try:
        descriptor = open_private(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        with os.fdopen(descriptor, "w") as opened:
            opened.write(f"{os.getpid()}\n")
    except OSError as error:
        raise click.ClickException(f"Cannot write {file}: {error.strerror}.") from error
    return file


def _run(
    loaded: Loaded,
    options: ConnectOptions,
    folder: Path,
    on_up: Callable[[], None] | None,
    local_port: int | None,
    socks: SocksOptions | None,
    link: Callable[[EventLog], AbstractContextManager[L2tpLink | None]],
    *,
    verbose: bool,
) -> int:
    # not above, because libraries start threads when they are imported
    from ikev1.cli.connect.view import TerminalView
    from ikev1.daemon.client import Observer, Outcome, run_client
    from ikev1.daemon.host.data_plane_choice import PlaneChoice, choose
    from ikev1.daemon.net.client_ports import bound
    from ikev1.daemon.observe.event_log import Level
    from ikev1.daemon.observe.log_output import configure, write_to_logger
    from ikev1.daemon.remote_access.resolver import find_resolver
    from ikev1.daemon.socks.process import for_proxy
    from ikev1.esp.plane import PlaneError

    log, prompt = EventLog(), Prompt()
    if verbose:
        configure("text")
        log.attach(Level.INFO, write_to_logger)

    def up() -> None:
        if on_up is not None:
            view.silence()
            on_up()

    said, background = places_of(options).said, on_up is not None
    view = TerminalView(
        sys.stderr,
        options.gateway,
        options.user,
        up,
        said=said,
        background=background,
        local_lan=options.local_lan,
    )
    if verbose:
        view.silence()
    else:
        log.attach(Level.WARNING, view.warn)

    backups = BackupServers(options.gateway, memory(), lambda text: log.write(Level.WARNING, "NET", text))

    def run(settings: Settings, chosen: PlaneChoice, *observers: Observer) -> Outcome:
        endpoint = bound(log, local_port, coalesce=not chosen.kernel)
        ports = {"encapsulation_port": endpoint.encapsulation_port, "peer_encapsulation_port": ENCAPSULATION_PORT}
        settings = replace(settings, **ports)
        tun = loaded.gateway.tun
        if not chosen.confined:
            note_device(folder, tun)
        with link(log) as ppp:
            try:
                return run_client(
                    settings,
                    endpoint,
                    chosen,
                    log,
                    folder=folder,
                    prompter=prompt,
                    view=view,
                    observers=(*observers, prompt.observe, backups.observe),
                    journal=None if chosen.confined else BASE / tun,
                    resolver=None if chosen.confined else find_resolver(chosen.device, tun),
                    link=ppp,
                )
            finally:
                # it is over: one signal more, from somebody impatient, would leave files behind
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)

    def run_at(settings: Settings) -> tuple[Outcome, str]:
        """Return the outcome and, if the proxy has ended by itself, why."""
        if socks is None:
            return run(settings, choose(loaded.gateway)), ""
        with proxy(*socks, log, when_ended=lambda: os.kill(os.getpid(), signal.SIGTERM)) as running:
            outcome = run(for_proxy(settings), running.choice, running.observe)
        if running.problem:
            outcome = Outcome.LOST if outcome is Outcome.DISCONNECTED else Outcome.FAILED
        return outcome, running.problem

    try:
        if socks is None:
            with suppress(OSError):  # reported when the journal is opened
                BASE.mkdir(mode=0o700, exist_ok=True)
        outcome, reason = run_at(loaded.settings)
        while not reason and outcome in (Outcome.LOST, Outcome.SILENT):
            server = backups.next(silent=outcome is Outcome.SILENT)
            if server is None:
                break
            view.calls_instead(server)
            outcome, reason = run_at(at(loaded.settings, server))
        if outcome is Outcome.SILENT and backups.was_up:
            outcome = Outcome.LOST
    except (OSError, PlaneError) as error:
        raise click.ClickException(f"Cannot connect: {said(str(error))}.") from error
    view.end(outcome, reason)
    return EXIT_STATUS[outcome.value]
