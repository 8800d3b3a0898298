"""Gateways that call: what they offer with the configuration that ``docs/recipes`` shows, or by default."""

from __future__ import annotations

from dataclasses import replace

from clients.facts import Habits, Known, Life, Peer, Sure, VendorIdSent, known
from ikev1.wire.registry import IdType

AZURE = Peer(
    "azure",
    # virtual WAN's table of offers; that of the VPN gateway is of the same family
    ike=known(
        Sure.DOCUMENTED,
        "aes256-sha1-modp1024",
        "aes256-sha256-modp1024",
        "aes128-sha1-modp1024",
        "aes128-sha256-modp1024",
    ),
    ike_life=Life(28_800, Sure.REMEMBERED),
    esp=known(Sure.DOCUMENTED, "aes256gcm16", "aes256-sha1", "aes256-sha256", "aes128-sha1"),
    esp_life=Life(3_600, Sure.DOCUMENTED, 102_400_000),
    vendor_ids=(
        VendorIdSent("MS NT5 ISAKMPOAKLEY 9", Sure.LOG),
        VendorIdSent("RFC 3947", Sure.LOG),
        VendorIdSent("draft-02 with newline", Sure.LOG),
        VendorIdSent("FRAGMENTATION", Sure.LOG),
        VendorIdSent("MS-Negotiation Discovery Capable", Sure.LOG),
        VendorIdSent("IKE CGA version 1", Sure.LOG),
    ),
    identity_sure=Sure.LOG,
)

MIKROTIK_DEFAULT = Peer(
    "mikrotik-default",
    ike=known(
        Sure.REMEMBERED, "aes128-sha1-modp2048", "aes128-sha1-modp1024", "3des-sha1-modp2048", "3des-sha1-modp1024"
    ),
    ike_life=Life(86_400, Sure.LOG),
    esp=known(Sure.LOG, "aes256-sha1-modp1024", "aes192-sha1-modp1024", "aes128-sha1-modp1024"),
    esp_life=Life(1_800, Sure.LOG),
    vendor_ids=(VendorIdSent("RFC 3947", Sure.REMEMBERED), VendorIdSent("DPD", Sure.REMEMBERED)),
)

MIKROTIK = replace(
    MIKROTIK_DEFAULT,
    name="mikrotik",
    esp=tuple(each._replace(words=each.words.replace("modp1024", "modp2048")) for each in MIKROTIK_DEFAULT.esp),
)

FORTIGATE = Peer(
    "fortigate",
    ike=known(
        Sure.REMEMBERED,
        "aes128-sha256-modp2048",
        "aes128-sha256-modp1536",
        "aes256-sha256-modp2048",
        "aes256-sha256-modp1536",
        "aes128-sha1-modp2048",
        "aes128-sha1-modp1536",
        "aes256-sha1-modp2048",
        "aes256-sha1-modp1536",
    ),
    ike_life=Life(86_400, Sure.REMEMBERED),
    esp=known(
        Sure.REMEMBERED,
        "aes128-sha1-modp2048",
        "aes256-sha1-modp2048",
        "aes128-sha256-modp2048",
        "aes256-sha256-modp2048",
    ),
    esp_life=Life(43_200, Sure.REMEMBERED),
    vendor_ids=(VendorIdSent("RFC 3947", Sure.REMEMBERED), VendorIdSent("DPD", Sure.REMEMBERED)),
)

# Cisco IOS and ASA offer what is configured: here what their recipes configure.
CISCO_IOS = Peer(
    "cisco-ios",
    ike=known(Sure.DOCUMENTED, "aes256-sha256-modp2048"),
    ike_life=Life(86_400, Sure.DOCUMENTED),
    esp=known(Sure.DOCUMENTED, "aes256-sha256-modp2048"),
    esp_life=Life(3_600, Sure.REMEMBERED, 4_608_000),
)

CISCO_ASA = Peer(
    "cisco-asa",
    ike=known(Sure.DOCUMENTED, "aes256-sha1-modp2048"),
    ike_life=Life(86_400, Sure.DOCUMENTED),
    esp=known(Sure.DOCUMENTED, "aes256-sha1"),
    esp_life=Life(28_800, Sure.DOCUMENTED, 4_608_000),
    vendor_ids=tuple(VendorIdSent(name, Sure.LOG) for name in ("Unity", "XAUTH", "VPN concentrator")),
)

_FRITZ_CIPHERS = ("aes256", "aes192", "aes128", "3des", "des")
_FRITZ_PAIRS = tuple(f"{cipher}-{hash}" for cipher in _FRITZ_CIPHERS for hash in ("sha512", "sha1", "md5"))

FRITZBOX = Peer(
    "fritzbox",
    # dh14/aes/sha: a log shows that 192 bits worked; which lengths are offered, and in which order, is not known
    ike=(
        Known("aes256-sha1-modp2048", Sure.REMEMBERED),
        Known("aes192-sha1-modp2048", Sure.LOG),
        Known("aes128-sha1-modp2048", Sure.REMEMBERED),
    ),
    ike_life=Life(3_600, Sure.REMEMBERED),
    esp=known(Sure.DOCUMENTED, *_FRITZ_PAIRS),  # esp-all-all; the order is remembered
    esp_life=Life(3_600, Sure.REMEMBERED),
    identity=(IdType.FQDN, b"box.example.org"),
    identity_sure=Sure.DOCUMENTED,
    habits=Habits(ipcomp=True),  # comp-all
)

FRITZBOX_PFS = replace(
    FRITZBOX,
    name="fritzbox-pfs",
    esp=tuple(each._replace(words=f"{each.words}-modp2048", sure=Sure.REMEMBERED) for each in FRITZBOX.esp),
)

FRITZBOX_ONE_LENGTH = tuple(
    replace(
        FRITZBOX,
        name=f"fritzbox-aes{bits}",
        ike=tuple(each for each in FRITZBOX.ike if each.words.startswith(f"aes{bits}-")),
        esp=tuple(each for each in FRITZBOX.esp if each.words == f"aes{bits}-sha1"),
    )
    for bits in (128, 192, 256)
)

FRITZBOX_WITHOUT_LENGTH = replace(
    FRITZBOX,
    name="fritzbox-aes",
    ike=(Known("aes128-sha1-modp2048", Sure.REMEMBERED, sized=False),),
    esp=(Known("aes128-sha1", Sure.REMEMBERED, sized=False),),
)

# all/all/all, as boxes call by default
FRITZBOX_DEFAULT = replace(
    FRITZBOX,
    name="fritzbox-default",
    ike=known(Sure.DOCUMENTED, *(f"{pair}-modp1024" for pair in _FRITZ_PAIRS)),
    aggressive=True,
)
