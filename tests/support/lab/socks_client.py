"""ikev1 as a client whose tunnel only a SOCKS proxy uses: ``socks_client.py FILE ADDRESS:PORT [USER PASSWORD]``.

It does what ``ikev1 connect --socks`` does, with the configuration from a file.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from ikev1.cli.connect.socks import parse_address, proxy
from ikev1.config import load
from ikev1.daemon.net.endpoint import Endpoint
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.daemon.observe.log_output import configure, write_to_logger
from ikev1.daemon.process import serve
from ikev1.daemon.socks.orders import Login
from ikev1.daemon.socks.process import for_proxy
from ikev1.esp.plane import PlaneError


def main(file: Path, address: str, login: Login) -> None:
    configure("text")
    loaded, log = load(file), EventLog()
    log.attach(Level.DEBUG, write_to_logger)
    settings, options = for_proxy(loaded.settings), loaded.gateway
    with proxy(parse_address(address), login, log, lambda: os.kill(os.getpid(), signal.SIGTERM)) as running:
        endpoint = Endpoint(log, options.port, options.encapsulation_port)
        asyncio.run(
            serve(
                settings,
                endpoint,
                running.choice,
                log,
                control=Path(options.control),
                load_settings=lambda: settings,
                started=lambda gateway, end: gateway.observers.append(running.observe),
            )
        )


if __name__ == "__main__":
    configuration, where, *words = sys.argv[1:]
    try:
        main(Path(configuration), where, Login(*(word.encode() for word in words)))
    except PlaneError as error:
        sys.exit(str(error))
