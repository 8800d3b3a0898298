"""Exchanges of others, recorded years ago: what we derive decrypts and verifies them."""

from __future__ import annotations

import struct
from pathlib import Path

from ikev1.crypto import cipher, keymat
from ikev1.wire.header import Header
from ikev1.wire.message import Message, parse_message
from ikev1.wire.payloads import (
    Certificate,
    CertificateRequest,
    Hash,
    Identification,
    KeyExchange,
    Nonce,
    SecurityAssociation,
    Signature,
)
from ikev1.wire.registry import Encryption, HashAlgorithm

SHA1, MD5 = HashAlgorithm.SHA1, HashAlgorithm.MD5


def isakmp_of(capture: Path) -> dict[int, bytes]:
    """The UDP payloads of a capture (Ethernet, IPv4) by frame number."""
    data = capture.read_bytes()
    order = "<" if data[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    (link,) = struct.unpack_from(order + "I", data, 20)
    assert link == 1
    datagrams, offset, number = {}, 24, 1
    while offset < len(data):
        (length,) = struct.unpack_from(order + "I", data, offset + 8)
        packet = data[offset + 16 + 14 : offset + 16 + length]
        udp = packet[4 * (packet[0] & 15) :]
        datagrams[number] = udp[8 : int.from_bytes(udp[4:6])]
        offset, number = offset + 16 + length, number + 1
    return datagrams


def clear(datagram: bytes) -> Message:
    header = Header.parse(datagram)
    return parse_message(header, datagram[28 : header.length])


def kinds(message: Message) -> list[type]:
    return [type(payload) for payload in message.payloads]


def test_a_main_mode_with_certificates_decrypts(shared: Path) -> None:
    """3DES and MD5, group 2: with the key known, the IVs follow from what stands in the clear (Appendix B)."""
    key = bytes.fromhex("735be0cb62f82675c4f7bf8fbab9b56834ba76d6ab4fa240")
    frames = isakmp_of(shared / "captures" / "main-mode-certs.pcap")
    g_xi, g_xr = (clear(frames[number]).one(KeyExchange).data for number in (3, 4))
    assert len(g_xi) == len(g_xr) == 128

    def decrypted(number: int, iv: bytes) -> tuple[Message, bytes]:
        header = Header.parse(frames[number])
        ciphertext = frames[number][28:]
        chain = cipher.decrypt(Encryption.TRIPLE_DES_CBC, key, iv, ciphertext)
        assert cipher.encrypt(Encryption.TRIPLE_DES_CBC, key, iv, chain) == ciphertext
        return parse_message(header, chain), ciphertext[-8:]

    fifth, last_block = decrypted(5, keymat.phase1_iv(MD5, g_xi, g_xr, 8))
    sixth, last_block = decrypted(6, last_block)
    message_id = Header.parse(frames[7]).message_id
    seventh, iv = decrypted(7, keymat.phase2_iv(MD5, last_block, message_id, 8))
    ninth, iv = decrypted(9, iv)
    tenth, _ = decrypted(10, iv)

    assert kinds(fifth) == [Identification, Certificate, CertificateRequest, Signature]
    assert kinds(sixth) == [Identification, Certificate, Signature]
    quick_mode = [Hash, SecurityAssociation, Nonce, KeyExchange, Identification, Identification]
    assert kinds(seventh) == kinds(ninth) == quick_mode
    assert kinds(tenth) == [Hash]
    assert frames[8] == frames[7]
    assert {Header.parse(frames[number]).message_id for number in (7, 9, 10)} == {message_id}
    assert seventh.one(Hash).data.hex() == "5a32e8a56d40768d60f16a0521da6cbc"
    assert ninth.one(Hash).data.hex() == "69791a1955c654b3be0ae8e349af1d5f"
    assert tenth.one(Hash).data.hex() == "0b4f60a7a6e2878b515d1e30554be720"


def test_an_aggressive_mode_verifies_with_its_pre_shared_key(shared: Path) -> None:
    """AES-128, SHA-1, group 2: HASH_R stands in the clear, which is why such keys can be guessed at leisure."""
    frames = isakmp_of(shared / "captures" / "aggressive-mode-psk.pcap")
    first, second = clear(frames[1]), clear(frames[2])
    SKEYID = keymat.SKEYID_psk(SHA1, b"MYPASSWORD", first.one(Nonce).data, second.one(Nonce).data)
    HASH_R = keymat.HASH_R(
        SHA1,
        SKEYID,
        first.one(KeyExchange).data,
        second.one(KeyExchange).data,
        second.header.CKY_I,
        second.header.CKY_R,
        first.body_of(first.one(SecurityAssociation)),
        second.body_of(second.one(Identification)),
    )
    assert second.one(Hash).data == HASH_R
