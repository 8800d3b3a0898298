"""Traffic that is exempt from a tunnel, or dropped: a scenario that is the same for both data planes.

``a`` is our gateway, with a tunnel to ``b``. Datagrams to and from port 7777 between the networks behind them pass in
the clear at both ends; what the network behind ``a`` sends to ``b`` itself is dropped.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from lab.network import Node

_CLEAR = Path(__file__).parents[1] / "clear.py"
_PYTHON = (sys.executable, "-I", "-S")


def toml(a: Node) -> str:
    """The shunts of ``a`` in ikev1.toml."""
    return f"""
[shunt.questions]
action = "pass"
local = "{a.network}[udp]"
remote = "{a.remote}[udp/7777]"

[shunt.answers]
action = "pass"
local = "{a.network}[udp/7777]"
remote = "{a.remote}[udp]"

[shunt.stranger]
action = "drop"
local = "{a.network}"
remote = "{a.peer}"
"""


def swanctl(b: Node) -> str:
    """The exemptions of ``b`` in swanctl.conf."""
    return f"""
connections {{
    shunts {{
        remote_addrs = 127.0.0.1
        children {{
            questions {{
                mode = pass
                start_action = trap
                local_ts = {b.network}[udp]
                remote_ts = {b.remote}[udp/7777]
            }}
            answers {{
                mode = pass
                start_action = trap
                local_ts = {b.network}[udp/7777]
                remote_ts = {b.remote}[udp]
            }}
        }}
    }}
}}
"""


def lead(*nodes: Node) -> None:
    """Have each node route to the network behind the other one past any tunnel."""
    for node in nodes:
        version = "-6" if ":" in node.remote else "-4"
        node.run("ip", version, "route", "replace", node.remote, "via", node.peer)


def heard(speaker: Node, hearer: Node, *triples: tuple[str, str, str]) -> list[str]:
    """What arrives at port 7777 of ``hearer`` of datagrams with source, destination and text. The last one arrives in
    any case, and ends it.
    """
    version = "6" if ":" in hearer.address else "4"
    ear = subprocess.Popen(
        ["ip", "netns", "exec", hearer.namespace, *_PYTHON, _CLEAR, "hear", version], stdout=subprocess.PIPE, text=True
    )
    assert ear.stdout is not None
    assert ear.stdout.readline() == "ready\n"
    words = [word for triple in (*triples, (speaker.address, hearer.address, "end")) for word in triple]
    speaker.run(*_PYTHON, _CLEAR, "say", *words)
    said, _ = ear.communicate(timeout=60)
    texts: list[str] = json.loads(said)
    assert texts[-1] == "end"
    return texts[:-1]
