"""Files with keys, in the forms in which people have them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captured import Recorder, analysed, only, two
from ikev1.capture.keys import KeyFileError, KeyRing, dh_secret, load_keys, pre_shared_key
from ikev1.core.records.child_sa import IpsecKeys, IpsecSuite
from ikev1.core.records.events import ChildUp, IkeUp
from ikev1.daemon.observe.event_log import EventLog
from ikev1.daemon.observe.keylog import KeyLog
from ikev1.wire.registry import EspTransform, IntegrityAlgorithm
from playbook import Network

COOKIE, KEY = "fafaeb49382a763c", "735be0cb62f82675c4f7bf8fbab9b56834ba76d6ab4fa240"


def loaded(tmp_path: Path, text: str) -> KeyRing:
    file = tmp_path / "keys"
    file.write_text(text)
    return load_keys(file)


@pytest.mark.parametrize(
    "line",
    [
        f"{COOKIE},{KEY}",
        f'"{COOKIE}","{KEY}"',
        f"0x{COOKIE.upper()}, 0x{KEY}",
        f"uat:ikev1_decryption_table:{COOKIE},{KEY}",
        f"-o 'uat:ikev1_decryption_table:{COOKIE},{KEY}'",
        f"# Wireshark's own comment\n\n{COOKIE},{KEY}\n",
    ],
)
def test_every_spelling_of_the_decryption_table(tmp_path: Path, line: str) -> None:
    (keys,) = loaded(tmp_path, line).ike
    assert (keys.CKY_I, keys.encryption_key, keys.source) == (bytes.fromhex(COOKIE), bytes.fromhex(KEY), "keys")


@pytest.mark.parametrize(
    ("cipher", "key", "integrity", "integrity_key", "suite"),
    [
        ("AES-CBC [RFC3602]", 16, "HMAC-SHA-256-128 [RFC4868]", 32, (EspTransform.AES_CBC, 128, 5)),
        ("AES-CBC [RFC3602]", 32, "HMAC-SHA-1-96 [RFC2404]", 20, (EspTransform.AES_CBC, 256, 2)),
        ("TripleDES-CBC [RFC2451]", 24, "HMAC-MD5-96 [RFC2403]", 16, (EspTransform.TRIPLE_DES, 0, 1)),
        ("AES-GCM with 16 octet ICV [RFC4106]", 20, "NULL", 0, (EspTransform.AES_GCM_16, 128, 0)),
        ("NULL", 0, "HMAC-SHA-512-256 [RFC4868]", 64, (EspTransform.NULL, 0, 7)),
    ],
)
def test_the_esp_table(
    tmp_path: Path, cipher: str, key: int, integrity: str, integrity_key: int, suite: tuple[int, int, int]
) -> None:
    octets, more = bytes(range(key)), bytes(range(integrity_key))
    line = f'"IPv4","192.0.2.1","*","0xc1afb466","{cipher}","0x{octets.hex()}","{integrity}","0x{more.hex()}"'
    (keys,) = loaded(tmp_path, line).esp
    assert keys.suite == IpsecSuite(*suite)
    assert keys.keys == IpsecKeys(0xC1AFB466, octets, more)


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    """As from `--keys <(echo COOKIE,KEY)`."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        pool.submit(pipe.write_text, "# no key\n" * 3000 + f"{COOKIE},{KEY}\n")
        (keys,) = load_keys(pipe).ike
    assert keys.encryption_key == bytes.fromhex(KEY)


def test_our_own_key_log_serves(tmp_path: Path) -> None:
    network = Network()
    alice, _ = two(network)
    recorder = Recorder(network)
    alice.calls()
    network.settle()
    log = KeyLog(tmp_path / "keys", EventLog())
    for event in alice.saw(IkeUp) + alice.saw(ChildUp):
        log.observe(event)
    (ike,) = load_keys(tmp_path / "keys").ike
    assert alice.sa.keys is not None
    assert (ike.CKY_I, ike.encryption_key) == (alice.sa.CKY_I, alice.sa.keys.encryption_key)
    esp = load_keys(tmp_path / "keys.esp_sa").esp
    assert {keys.keys for keys in esp} == {alice.carries.inbound, alice.carries.outbound}
    assert {keys.suite for keys in esp} == {alice.carries.suite}
    report = analysed(recorder.packets, load_keys(tmp_path / "keys"))
    assert all(message.decrypted for message in only(report).messages[4:])


def test_secrets_of_tcpdump(tmp_path: Path) -> None:
    text = f"# a comment\n\n0x12345678@192.1.2.45 3des-cbc-hmac96:0x{'43' * 24}\n7@192.0.2.1 aes256-cbc:0x{'11' * 32}\n"
    first, second = loaded(tmp_path, text).esp
    assert (first.keys.spi, first.suite, first.icv_size) == (0x12345678, IpsecSuite(EspTransform.TRIPLE_DES), 12)
    assert (second.keys.spi, second.suite, second.icv_size) == (7, IpsecSuite(EspTransform.AES_CBC, 256), 0)


CHARON = """\
Nov 22 13:50:15 14[IKE] <1> shared Diffie Hellman secret => 20 bytes @ 0x7f62a400dcb0
Nov 22 13:50:15 14[IKE] <1>    0: DC 51 D0 0B D6 13 3A 64 C6 24 3D 3E 16 C3 BD 34  .Q....:d.$=>...4
Nov 22 13:50:15 13[IKE] <2> SKEYID => 4 bytes @ 0x7f62a400bd50
Nov 22 13:50:15 14[IKE] <1>   16: 01 02 03 04                                      ....
Nov 22 13:50:15 13[IKE] <2>    0: FF FF FF FF                                      ....
Nov 22 13:50:15 14[IKE] <1> SKEYID => 2 bytes @ 0x7f62a400bd50
Nov 22 13:50:15 14[IKE] <1>    0: A0 2C                                            .,
Nov 22 13:50:15 14[IKE] <1> SKEYID_d => 2 bytes @ 0x7f62a40089c0
Nov 22 13:50:15 14[IKE] <1>    0: D3 ED                                            ..
Nov 22 13:50:15 14[IKE] <1> SKEYID_a => 2 bytes @ 0x7f62a400fab0
Nov 22 13:50:15 14[IKE] <1>    0: 27 0A                                            '.
Nov 22 13:50:15 14[IKE] <1> SKEYID_e => 2 bytes @ 0x7f62a400fae0
Nov 22 13:50:15 14[IKE] <1>    0: 4E C2                                            N.
Nov 22 13:50:15 14[IKE] <1> encryption key Ka => 2 bytes @ 0x7f62a400fae0
Nov 22 13:50:15 14[IKE] <1>    0: 4E C2                                            N.
Nov 22 13:50:15 14[ENC] <1>   generating rule 0 IKE_SPI
Nov 22 13:50:15 14[ENC] <1>    => 8 bytes @ 0x7f62a400fa78
Nov 22 13:50:15 14[ENC] <1>    0: C7 28 62 29 1B EC 7C 4F                          .(b)..|O
Nov 22 13:50:16 06[CHD] <peer|1>   using AES_GCM_16 for encryption
Nov 22 13:50:16 06[CHD] <peer|1> initiator SA seed => 6 bytes @ 0x7f62d46c59a0
Nov 22 13:50:16 06[CHD] <peer|1>    0: 03 C1 AF B4 66 AC                                ....f.
Nov 22 13:50:16 06[CHD] <peer|1> encryption initiator key => 20 bytes @ 0x7f62bc001340
Nov 22 13:50:16 06[CHD] <peer|1>    0: 64 C5 DB EB 50 F9 17 96 E6 BE 17 ED 45 69 BD EB  d...P.......Ei..
Nov 22 13:50:16 06[CHD] <peer|1>   16: 01 02 03 04                                      ....
Nov 22 13:50:16 06[CHD] <peer|1> adding inbound ESP SA
Nov 22 13:50:16 06[CHD] <peer|1>   SPI 0xc1afb466, src 10.77.0.1 dst 10.77.0.2
"""


def test_the_threads_of_charon_are_kept_apart(tmp_path: Path) -> None:
    key_ring = loaded(tmp_path, CHARON)
    named, nameless = key_ring.ike
    assert named.CKY_I.hex() == "c72862291bec7c4f"
    assert [octets.hex() for octets in (named.SKEYID, named.SKEYID_d, named.SKEYID_a, named.SKEYID_e)] == [
        "a02c",
        "d3ed",
        "270a",
        "4ec2",
    ]
    assert named.g_xy.hex() == "dc51d00bd6133a64c6243d3e16c3bd3401020304"
    assert (nameless.CKY_I, nameless.SKEYID) == (b"", b"\xff" * 4)
    (esp,) = key_ring.esp
    assert esp.suite == IpsecSuite(EspTransform.AES_GCM_16, 128)
    assert (esp.keys.spi, len(esp.keys.encryption_key), esp.keys.integrity_key) == (0xC1AFB466, 20, b"")


LIBRESWAN = """\
Nov 22 13:50:22.093819: | User PSK:
Nov 22 13:50:22.093833: |   6c 61 62 2d  70 73 6b 2d  30 31 32 33  34 35 36 37   lab-psk-01234567
Nov 22 13:50:22.093836: |   38 39                                                89
Nov 22 13:50:22.095481: "peer" #1: sent Main Mode I2
Nov 22 13:50:22.114465: | ESP enckey:
Nov 22 13:50:22.114467: |   f4 79 13 36  b7 9a 0d 56  f8 fb c6 83  ca 19 a2 22   .y.6...V......."
Nov 22 13:50:22.114475: | ESP authkey:
Nov 22 13:50:22.114477: |   d9 7c e0 66  cc fe 74 f6  da d5 5c 4d  34 f6 36 4c   .|.f..t...\\M4.6L
Nov 22 13:50:22.114478: |   9d 2b c7 fb  a2 a0 32 45  28 94 aa 43  1b b2 02 4e   .+....2E(..C...N
"peer" #2: IPsec SA established tunnel mode {ESP=>0x67d5d103 <0x4179f626 xfrm=AES_CBC_128-HMAC_SHA2_256_128 DPD=passive}
"""


def test_libreswan_tells_secrets_and_keys_of_esp(tmp_path: Path) -> None:
    key_ring = loaded(tmp_path, LIBRESWAN)
    assert [secret.octets for secret in key_ring.pre_shared_keys] == [b"lab-psk-0123456789"]
    assert [keys.keys.spi for keys in key_ring.esp] == [0x67D5D103, 0x4179F626]
    assert {keys.suite for keys in key_ring.esp} == {
        IpsecSuite(EspTransform.AES_CBC, 128, IntegrityAlgorithm.HMAC_SHA2_256)
    }
    assert key_ring.esp[0].keys.encryption_key.hex() == "f4791336b79a0d56f8fbc683ca19a222"
    assert len(key_ring.esp[0].keys.integrity_key) == 32


OPENSWAN = """\
| Skeyid:    36 9d 3d 1a  2d 4c 75 0d
| Skeyid_d:
|   01 02 03 04
| Skeyid_a:
|   05 06 07 08
| Skeyid_e:
|   09 0a 0b 0c
| enc key:
|   0d 0e 0f 10  11 12 13 14  15 16 17 18  19 1a 1b 1c
|   1d 1e 1f 20  21 22 23 24
| IV:  ff ff
"""


def test_older_plutos_tell_everything(tmp_path: Path) -> None:
    (keys,) = loaded(tmp_path, OPENSWAN).ike
    assert keys.SKEYID.hex() == "369d3d1a2d4c750d"
    assert (keys.SKEYID_d.hex(), keys.SKEYID_a.hex(), keys.SKEYID_e.hex()) == ("01020304", "05060708", "090a0b0c")
    assert keys.encryption_key == bytes(range(0x0D, 0x25))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nothing of the kind\n", "no-keys"),
        (f"{COOKIE},not hexadecimal\n", "no-keys"),
        ("12[IKE] initiating\n" * 5, "no-keys-charon"),
        ("| nothing\n" * 5, "no-keys-pluto"),
    ],
)
def test_a_file_without_keys_is_an_error_by_its_format(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(KeyFileError) as error:
        loaded(tmp_path, text)
    assert error.value.code == code


def test_secrets_that_are_typed() -> None:
    assert dh_secret("0xABC", "x").octets == b"\x0a\xbc"
    assert dh_secret("ab:cd ef", "x").octets == b"\xab\xcd\xef"
    assert pre_shared_key("secret", "x").octets == b"secret"
    assert pre_shared_key("0x00ff", "x").octets == b"\x00\xff"
    for wrong in ("", "xyz"):
        with pytest.raises(KeyFileError) as error:
            dh_secret(wrong, "--dh-secret")
        assert error.value.code == "not-hexadecimal"
    with pytest.raises(KeyFileError) as error:
        pre_shared_key("0xzz", "--psk")
    assert error.value.code == "not-hexadecimal"


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    shown = repr(loaded(tmp_path, CHARON) | loaded(tmp_path, LIBRESWAN) | loaded(tmp_path, f"{COOKIE},{KEY}"))
    assert "lab-psk" not in shown
    assert KEY not in shown
    assert "<secret>" in shown


pieces = st.sampled_from(
    [COOKIE, KEY, ",", '"', "0x", "=> ", " bytes @ 0x1", "14[IKE] ", "SKEYID", "| ", ":", "ab ", "{ESP=>0x"]
)
texts = st.lists(st.one_of(pieces, st.text(max_size=8), st.just("\n")), max_size=60).map("".join)


@given(st.one_of(texts, st.binary(max_size=300)), st.sampled_from(["", CHARON, LIBRESWAN, OPENSWAN]))
def test_no_file_makes_a_reader_stumble(
    tmp_path_factory: pytest.TempPathFactory, text: str | bytes, before: str
) -> None:
    file = tmp_path_factory.mktemp("keys") / "keys"
    octets = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    file.write_bytes(before.encode() + octets)
    try:
        key_ring = load_keys(file)
    except KeyFileError:
        assert not before or b"[IKE]" in octets  # with more lines of charon than of the other log, it is charon's
    else:
        analysed([], key_ring)
