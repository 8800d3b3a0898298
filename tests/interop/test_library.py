"""The initiator of docs/library.md and the asyncio driver with a real strongSwan."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from lab.capture import tshark
from lab.charon import Charon, CharonOptions
from lab.lab import Lab
from lab.network import Node

_EXAMPLES = Path(__file__).parents[2] / "docs" / "library.md"
_DRIVER = """
import asyncio, ikev1

async def main():
    lan = ikev1.tunnel("lan", "{local_network}", "{remote_network}", esp="aes256gcm16")
    connection = ikev1.psk("lab", b"secret", lan, ike="aes256-sha256-modp2048")
    async with asyncio.timeout(30):
        async with ikev1.aio.connect(connection, "lan", local=("{local}", 500), remote=("{remote}", 500)) as up:
            print("up", up.child.inbound.spi, flush=True)
            input()

asyncio.run(main())
"""


def responder(lab: Lab, node: Node, secret: str = "secret") -> Charon:
    """A charon that the initiator can call."""
    return lab.charon(
        node,
        CharonOptions(
            ike="aes256-sha256-modp2048",
            esp="aes256gcm16",
            psk=secret,
            own_id=node.address,
            peer_id=node.peer,
            plane="noesp",
        ),
    )


def initiator(a: Node) -> str:
    """The first example of the documentation, between the addresses and networks of a lab."""
    example: str = re.findall(r"^```python\n(.*?)^```", _EXAMPLES.read_text(), re.MULTILINE | re.DOTALL)[0]
    for there, here in (
        ("192.0.2.1", a.address),
        ("198.51.100.7", a.peer),
        ("10.1.0.0/16", a.network),
        ("10.2.0.0/16", a.remote),
    ):
        assert example.count(there) == 1
        example = example.replace(there, here)
    return example


def test_the_initiator_of_the_documentation_calls_charon(lab: Lab) -> None:
    a, b = lab.direct()
    charon = responder(lab, b)
    capture = lab.capture(b)
    output = a.run(sys.executable, "-c", initiator(a))
    charon.wait_for(charon.control.child, "its half of the pair")
    child = charon.control.child()
    assert (child["state"], child["encr-alg"]) == ("INSTALLED", "AES_GCM_16")
    assert output.split() == ["aes256gcm16", a.network, "===", a.remote]
    assert len(tshark(capture.finish(enough="isakmp.exchangetype == 32"), "isakmp.exchangetype == 2")) == 6


def test_the_initiator_of_the_documentation_says_that_charon_has_another_secret(lab: Lab) -> None:
    a, b = lab.direct()
    responder(lab, b, "another")
    output = a.run(sys.executable, "-c", initiator(a), check=False)
    assert output.strip()
    assert "Traceback" not in output


def test_the_asyncio_driver_calls_charon_and_deletes_its_sas(lab: Lab) -> None:
    a, b = lab.direct()
    charon = responder(lab, b)
    program = _DRIVER.format(local_network=a.network, remote_network=a.remote, local=a.address, remote=a.peer)
    output = a.run("bash", "-c", 'echo | "$0" -c "$1"', sys.executable, program)
    assert output.startswith("up ")
    charon.wait_for(lambda: not charon.control.sas(), "the end of its SAs")
    assert "DELETE for IKE_SA" in charon.log()
