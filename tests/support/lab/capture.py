"""tcpdump and tshark: what was on the wire, and what an outsider with the keys sees in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab.network import Node
from lab.process import Program, run, wait_until

# Display filters: encrypted ISAKMP messages, those of them that were decrypted, and whatever does not parse
ENCRYPTED = "isakmp.flag_e == 1"
OPENED = f"{ENCRYPTED} && (isakmp.hash || isakmp.id.type || isakmp.sig || isakmp.cert.encoding)"
MALFORMED = "_ws.malformed"

# Capture filter: without IKE (four zeros) and keepalives (one octet)
ESP_IN_UDP = "udp port 4500 and udp[8:4] != 0"


class Capture(Program):
    """Records every IP packet on a node's ``eth0`` to ``file``, until `finish`.

    ``sent`` leaves out what came in, which the kernel's ESP shows a second time, opened.
    """

    def __init__(self, node: Node, directory: Path, *, sent: bool = False) -> None:
        self.file = directory / "capture.pcap"
        directory.mkdir(parents=True)
        direction = "out" if sent else "inout"
        # "ip or ip6" rather than ports: a port filter loses the trailing fragments of large messages
        what = ["-i", "eth0", "-Q", direction, "-U", "--immediate-mode", "-Z", "root", "-s", "0"]
        super().__init__(node.namespace, ["tcpdump", *what, "-w", self.file, "ip or ip6"], directory)
        self.wait_for_log("listening on")

    def finish(self, enough: str, packets: int = 1) -> Path:
        """Stop, once the capture has ``packets`` different ones that the display filter ``enough`` matches.

        tcpdump writes a packet some time after it was on the wire: what is asserted of the file has to be waited for.

        Returns:
            The file.
        """
        wait_until(lambda: self._different(enough) >= packets, f"{packets} captured packets of {enough}")
        self.stop()
        return self.file

    def finish_with(self, count: int, capture_filter: str) -> Path:
        """As `finish`, once tcpdump has ``count`` packets that ``capture_filter`` matches."""
        wait_until(lambda: len(packets(self.file, capture_filter)) >= count, f"{count} captured packets")
        self.stop()
        return self.file

    def _different(self, display_filter: str) -> int:
        return len(set(tshark(self.file, display_filter, ["udp.payload"])))


def tshark(
    file: Path, display_filter: str, fields: Sequence[str] = ("frame.number",), keys: Path | None = None
) -> list[str]:
    """One line for each packet that ``display_filter`` matches, its ``fields`` separated by tabs.

    ``keys`` is a folder with Wireshark's tables ``ikev1_decryption_table`` and ``esp_sa``.
    """
    options: list[str] = []
    if keys is not None:
        options += ["-o", "esp.enable_encryption_decode:TRUE", "-o", "esp.enable_authentication_check:TRUE"]
        for table in ("ikev1_decryption_table", "esp_sa"):
            for row in (keys / table).read_text().splitlines():
                options += ["-o", f"uat:{table}:{row}"]
    for field in fields:
        options += ["-e", field]
    # a capture that is still being written may end within a packet, which is no failure here
    output = run("tshark", "-n", "-r", file, "-Y", display_filter, "-T", "fields", *options, check=False)
    return [line for line in output.splitlines() if not line.startswith(("Running as user", "tshark:", " **"))]


def packets(file: Path, capture_filter: str) -> list[str]:
    """What tcpdump prints of each packet that ``capture_filter`` matches; much quicker than tshark."""
    # a capture that is still being written may end within a packet, which is no failure here
    lines = run("tcpdump", "-nr", file, capture_filter, check=False).splitlines()
    return [line for line in lines if not line.startswith(("reading from file", "tcpdump:"))]


def said_first(file: Path) -> str:
    """A display filter for the ISAKMP messages in a capture without their repetitions, which tshark cannot decrypt:
    it takes the IV that follows the first copy.
    """
    frames: dict[str, str] = {}
    for line in tshark(file, "isakmp", ["udp.payload", "frame.number"]):
        payload, number = line.split("\t")
        frames.setdefault(payload, number)
    return f"frame.number in {{{', '.join(frames.values())}}}"


def wireshark_profile(keylog: Path, directory: Path) -> Path:
    """A gateway's key log as the two tables of a Wireshark profile in ``directory``, which is returned."""
    directory.mkdir()
    (directory / "ikev1_decryption_table").write_text(keylog.read_text())
    (directory / "esp_sa").write_text(keylog.with_name("keylog.esp_sa").read_text())
    return directory
