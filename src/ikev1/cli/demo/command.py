"""The command: sets the stage, has the tunnel negotiated and explained, and sends something through it."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from queue import Empty, SimpleQueue

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ikev1.cli.control import Section, daemon, decoded, list_sas
from ikev1.cli.demo import traffic
from ikev1.cli.demo.gateways import DemoGateway
from ikev1.cli.demo.network import LEFT, RIGHT, Stage, enter
from ikev1.cli.tables import ipsec_text, isakmp_table
from ikev1.cli.views import IpsecSa, ipsec_sas, isakmp_sas
from ikev1.lesson.prose import TEXTS

_MESSAGE = re.compile(r"(?P<label>[A-Z]+\d) (?P<direction>sent|received): (?P<content>.*?)(?:; (?P<state>\w+))?$")
_MESSAGES = ("MM1", "MM2", "MM3", "MM4", "MM5", "MM6", "QM1", "QM2", "QM3")
_WIDTH = 110  # columns, for a terminal that does not tell
_PATIENCE = 15.0  # seconds for each message


@click.command()
def demo() -> None:
    """Bring up a tunnel between two gateways on this machine, explain every message, and use it.

    Needs no root where user namespaces are allowed, and leaves nothing behind, also when a signal ends it.
    """
    folder = enter()
    console = Console(highlight=False, width=max(_WIDTH, shutil.get_terminal_size().columns))
    with Stage() as stage:
        _introduce(console)
        right = DemoGateway(stage, RIGHT, folder)
        left = DemoGateway(stage, LEFT, folder)
        try:
            _negotiate(console, left)
            _show(console, left)
            with _file_server(stage):
                _use(console, left)
        finally:
            left.stop()
            right.stop()


@contextmanager
def _file_server(stage: Stage) -> Iterator[None]:
    """A host behind the right gateway that hands out a file."""
    command = stage.command(RIGHT, "ikev1.cli.demo.traffic", RIGHT.host)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()  # it says when it listens
        try:
            yield
        finally:
            server.kill()


def _introduce(console: Console) -> None:
    console.print("[bold]Two IKEv1 gateways on this machine, each in a network namespace of its own[/]\n")
    console.print(
        f"  {LEFT.network} ── [bold cyan]left[/] {LEFT.address} ════ cable ════ {RIGHT.address} "
        f"[bold magenta]right[/] ── {RIGHT.network}\n"
    )
    console.print("Both have one pre-shared key. left calls right: Main Mode, then Quick Mode.\n")


# --- the negotiation ------------------------------------------------------------------------------------------------


def _negotiate(console: Console, left: DemoGateway) -> None:
    with _log_of(left) as lines:
        worker = threading.Thread(target=_initiate, args=(left, lines), daemon=True)
        worker.start()
        wanted = list(_MESSAGES)
        while wanted:
            line = _next(lines, wanted[0])
            message = _MESSAGE.match(line["msg"])
            if message is not None and message["label"] == wanted[0]:
                _explain(console, message)
                wanted.pop(0)


def _initiate(left: DemoGateway, lines: SimpleQueue[Section]) -> None:
    try:
        with daemon(left.control) as session:
            for _ in session.initiate({"ike": "demo", "child": "net", "timeout": "20000"}):
                pass
    except click.ClickException as error:
        lines.put({"msg": "", "failure": error.message})


@contextmanager
def _log_of(gateway: DemoGateway) -> Iterator[SimpleQueue[Section]]:
    """The lines that the gateway logs from now on."""
    lines: SimpleQueue[Section] = SimpleQueue()
    listening = threading.Event()

    def listen() -> None:
        with daemon(gateway.control) as session, closing(session.listen(["log"], timeout=0.1)) as events:
            while not ended.is_set():
                name, line = next(events)
                listening.set()
                if name is not None:
                    lines.put(decoded(line))

    ended = threading.Event()
    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    listening.wait(_PATIENCE)
    try:
        yield lines
    finally:
        ended.set()
        listener.join(_PATIENCE)


def _next(lines: SimpleQueue[Section], wanted: str) -> Section:
    try:
        line = lines.get(timeout=_PATIENCE)
    except Empty:
        raise click.ClickException(f"{wanted} did not come within {_PATIENCE:.0f} seconds.") from None
    if "failure" in line:
        raise click.ClickException(f"The negotiation failed before {wanted}: {line['failure']}")
    return line


def _explain(console: Console, message: re.Match[str]) -> None:
    text = TEXTS[message["label"]]
    ours = message["direction"] == "sent"
    arrow = "[cyan]left[/] ──▶ [magenta]right[/]" if ours else "[cyan]left[/] ◀── [magenta]right[/]"
    explained = Table.grid(padding=(0, 2))
    explained.add_row(f"[bold]{message['label']}[/]", arrow, f"{text.does}.")
    explained.add_row("", "", f"[dim]{escape(message['content'])}[/]")
    explained.add_row("", "", f"[italic]{text.secret}[/]")
    console.print(explained)


# --- the tunnel -----------------------------------------------------------------------------------------------------


def _pair(left: DemoGateway) -> IpsecSa:
    with daemon(left.control) as session:
        (pair,) = ipsec_sas(list_sas(session))
    return pair


def _show(console: Console, left: DemoGateway) -> None:
    with daemon(left.control) as session:
        sas = list_sas(session)
    console.print("\n[bold]left# ikev1 show isakmp sa[/]")
    console.print(escape(isakmp_table(isakmp_sas(sas))))
    console.print("\n[bold]left# ikev1 show ipsec sa[/]")
    console.print(escape(ipsec_text(ipsec_sas(sas))))


def _use(console: Console, left: DemoGateway) -> None:
    console.print(f"\n[bold]A ping through the tunnel[/], {LEFT.host} to {RIGHT.host}")
    times = traffic.ping(LEFT.host, RIGHT.host)
    for number, elapsed in enumerate(times, 1):
        console.print(f"  {number}: " + ("no answer" if elapsed is None else f"answered after {elapsed:.2f} ms"))
    console.print("\n[bold]A file through the tunnel[/], by TCP")
    octets, seconds, whole = traffic.fetch(LEFT.host, RIGHT.host)
    verdict = "[green]as it was sent[/]" if whole else "[red]CHANGED on its way[/]"
    console.print(
        f"  {octets / 2**20:.0f} MiB in {seconds:.2f} s, {8 * octets / seconds / 1e6:.0f} Mbit/s; SHA-256: {verdict}"
    )
    pair = _pair(left)
    console.print(
        f"  ESP carried {pair.outbound.packets} packets out (SPI {pair.outbound.spi}) and {pair.inbound.packets} in "
        f"(SPI {pair.inbound.spi}), {(pair.inbound.bytes + pair.outbound.bytes) / 2**20:.1f} MiB"
    )
    if None in times or not whole or pair.inbound.bytes < octets:
        raise click.ClickException("The tunnel did not carry everything.")
    console.print("\n[bold green]The tunnel works.[/] Both gateways have deleted their SAs and stopped.")
