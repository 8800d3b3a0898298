"""The key log: the words of Wireshark, for nobody else to read. (That tshark decrypts with it is an interop test.)"""

from __future__ import annotations

import resource
import stat
from pathlib import Path

import pytest

from ikev1.core.records.child_sa import ChildSa, IpsecKeys, IpsecSuite
from ikev1.core.records.events import ChildUp, IkeUp
from ikev1.core.records.exchange import Role
from ikev1.core.records.ike_sa import IkeSa, Keys
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.selector import Selector
from ikev1.daemon.observe.event_log import EventLog, Level, Line
from ikev1.daemon.observe.keylog import KeyLog

PATH = UdpPath("192.0.2.1", 4500, "192.0.2.2", 4500)
KEYS = Keys(b"", b"d" * 20, b"a" * 20, bytes(range(16)), b"iv")
SA = IkeSa(1, "branch", Role.INITIATOR, PATH, b"\x01" * 8, b"\x02" * 8, created_at=0.0, keys=KEYS)
CHILD = ChildSa(
    unique_id=1,
    name="net",
    connection="branch",
    suite=IpsecSuite(12, 128, 2),
    inbound=IpsecKeys(0x1234, b"\xaa" * 16, b"\xbb" * 20),
    outbound=IpsecKeys(0xFEDCBA98, b"\xcc" * 16, b"\xdd" * 20),
    local=Selector.parse("10.1.0.0/16"),
    remote=Selector.parse("10.2.0.0/16"),
    path=PATH,
    udp_encapsulation=True,
    initiator=True,
    created_at=0.0,
)


def test_lines_have_the_form_of_wireshark(tmp_path: Path) -> None:
    log = KeyLog(tmp_path / "keys", EventLog())
    log.observe(IkeUp(SA))
    log.observe(IkeUp(replace(SA, CKY_I=b"\x03" * 8)))
    log.observe(ChildUp(SA, CHILD))
    key = bytes(range(16)).hex()
    assert (tmp_path / "keys").read_text() == f"{'01' * 8},{key}\n{'03' * 8},{key}\n"
    assert (tmp_path / "keys.esp_sa").read_text().splitlines() == [
        '"IPv4","192.0.2.2","192.0.2.1","0x00001234",'
        f'"AES-CBC [RFC3602]","0x{"aa" * 16}","HMAC-SHA-1-96 [RFC2404]","0x{"bb" * 20}"',
        '"IPv4","192.0.2.1","192.0.2.2","0xfedcba98",'
        f'"AES-CBC [RFC3602]","0x{"cc" * 16}","HMAC-SHA-1-96 [RFC2404]","0x{"dd" * 20}"',
    ]


def test_only_the_owner_may_read_keys(tmp_path: Path) -> None:
    log = KeyLog(tmp_path / "keys", EventLog())
    log.observe(IkeUp(SA))
    log.observe(ChildUp(SA, CHILD))
    assert [stat.S_IMODE(file.stat().st_mode) for file in sorted(tmp_path.iterdir())] == [0o600, 0o600]


def test_a_cipher_that_wireshark_does_not_know_is_left_out(tmp_path: Path) -> None:
    log = KeyLog(tmp_path / "keys", EventLog())
    log.observe(ChildUp(SA, replace(CHILD, suite=IpsecSuite(22, 128, 2))))
    assert (tmp_path / "keys.esp_sa").read_text() == ""


def test_a_pair_whose_keys_only_the_kernel_has_is_left_out(tmp_path: Path) -> None:
    log = KeyLog(tmp_path / "keys", EventLog())
    log.observe(ChildUp(SA, CHILD.without_keys()))
    assert (tmp_path / "keys.esp_sa").read_text() == ""


def test_a_disk_that_is_full_is_told_and_no_more(tmp_path: Path) -> None:
    lines: list[Line] = []
    events = EventLog()
    events.attach(Level.DEBUG, lines.append)
    log = KeyLog(tmp_path / "keys", events)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        log.observe(IkeUp(SA))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    (line,) = lines
    assert (line.level, line.text.endswith("File too large")) == (Level.ERROR, True)


@pytest.mark.parametrize("name", ["keys", "keys.esp_sa"])
def test_a_link_in_the_place_of_the_key_log_is_refused_and_its_target_left_alone(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("root:x:0:0\n")
    (tmp_path / name).symlink_to(victim)
    with pytest.raises(PermissionError):
        KeyLog(tmp_path / "keys", EventLog())
    assert victim.read_text() == "root:x:0:0\n"


def test_a_key_log_that_everybody_could_read_is_closed(tmp_path: Path) -> None:
    for name in ("keys", "keys.esp_sa"):
        (tmp_path / name).touch(0o644)
    log = KeyLog(tmp_path / "keys", EventLog())
    log.observe(IkeUp(SA))
    assert [stat.S_IMODE(file.stat().st_mode) for file in sorted(tmp_path.iterdir())] == [0o600, 0o600]


def test_a_place_that_cannot_be_written_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        KeyLog(tmp_path / "nowhere" / "keys", EventLog())
