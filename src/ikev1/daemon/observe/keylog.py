"""The key log: the keys that Wireshark and tshark need to decrypt a capture of this gateway's traffic.

These files decrypt all traffic; they are written only if an operator asks for them, and only their owner can read them.
"""

from __future__ import annotations

import os
from pathlib import Path

from ikev1.core.records.child_sa import ChildSa, IpsecKeys
from ikev1.core.records.events import ChildUp, Event, IkeUp
from ikev1.core.records.ike_sa import IkeSa
from ikev1.daemon.observe.event_log import EventLog, Level
from ikev1.files.private import open_private
from ikev1.wire.registry import EspTransform, IntegrityAlgorithm

# The words of Wireshark's table of ESP SAs
_CIPHERS: dict[int, str] = {
    EspTransform.DES: "DES-CBC [RFC2405]",
    EspTransform.TRIPLE_DES: "TripleDES-CBC [RFC2451]",
    EspTransform.NULL: "NULL",
    EspTransform.AES_CBC: "AES-CBC [RFC3602]",
    EspTransform.AES_CTR: "AES-CTR [RFC3686]",
    EspTransform.AES_GCM_8: "AES-GCM with 8 octet ICV [RFC4106]",
    EspTransform.AES_GCM_12: "AES-GCM with 12 octet ICV [RFC4106]",
    EspTransform.AES_GCM_16: "AES-GCM with 16 octet ICV [RFC4106]",
    EspTransform.BLOWFISH: "BLOWFISH-CBC [RFC2451]",
    EspTransform.CAST: "CAST5-CBC [RFC2144]",
    EspTransform.TWOFISH: "TWOFISH-CBC",
}
_ANY_OF_96_BITS = "ANY 96 bit authentication [no checking]"
_INTEGRITY: dict[int, str] = {
    0: "NULL",
    IntegrityAlgorithm.HMAC_MD5: "HMAC-MD5-96 [RFC2403]",
    IntegrityAlgorithm.HMAC_SHA1: "HMAC-SHA-1-96 [RFC2404]",
    IntegrityAlgorithm.HMAC_SHA2_256: "HMAC-SHA-256-128 [RFC4868]",
    IntegrityAlgorithm.HMAC_SHA2_384: "HMAC-SHA-384-192 [RFC4868]",
    IntegrityAlgorithm.HMAC_SHA2_512: "HMAC-SHA-512-256 [RFC4868]",
    IntegrityAlgorithm.AES_XCBC_MAC: _ANY_OF_96_BITS,
}


class KeyLog:
    """Appends a line for each ISAKMP SA to ``path``, in the form of Wireshark's ``ikev1_decryption_table``, and two
    for each pair of IPsec SAs to ``path`` + ``.esp_sa``, in the form of its ``esp_sa``.

    Pairs with ciphers that Wireshark does not support (AES-CCM, AES-GMAC, Camellia, Serpent) are left out.

    The files stay open as long as the process lives.

    Raises:
        OSError: a file cannot be opened, or another user could change or read it (`ikev1.files.private`).
    """

    def __init__(self, path: Path, log: EventLog) -> None:
        self._log = log
        self._ike = open_private(path, os.O_WRONLY | os.O_APPEND)
        self._esp = open_private(path.with_name(path.name + ".esp_sa"), os.O_WRONLY | os.O_APPEND)

    def observe(self, event: Event) -> None:
        """Write the keys in ``event``; if that fails, the tunnel stays up."""
        try:
            if isinstance(event, IkeUp):
                os.write(self._ike, _ike_line(event.sa).encode("ascii"))
            elif isinstance(event, ChildUp):
                os.write(self._esp, _esp_lines(event.child).encode("ascii"))
        except OSError as error:
            self._log.write(Level.ERROR, "IKE", f"cannot write keys to the key log: {error.strerror}")


def _ike_line(sa: IkeSa) -> str:
    return f"{sa.CKY_I.hex()},{sa.keys.encryption_key.hex()}\n" if sa.keys else ""


def _esp_lines(child: ChildSa) -> str:
    path = child.path
    cipher, integrity = _CIPHERS.get(child.suite.encryption), _INTEGRITY.get(child.suite.integrity)
    if child.suite.sha256_96:
        integrity = _ANY_OF_96_BITS
    unknown = child.inbound == IpsecKeys(child.inbound.spi)  # the keys of a pair that an earlier process negotiated
    if cipher is None or integrity is None or unknown:
        return ""

    def line(source: str, destination: str, keys: IpsecKeys) -> str:
        fields = (
            "IPv6" if ":" in source else "IPv4",
            source,
            destination,
            f"0x{keys.spi:08x}",
            cipher,
            "0x" + keys.encryption_key.hex(),
            integrity,
            "0x" + keys.integrity_key.hex(),
        )
        return ",".join(f'"{field}"' for field in fields) + "\n"

    return line(path.remote_host, path.local_host, child.inbound) + line(
        path.local_host, path.remote_host, child.outbound
    )
