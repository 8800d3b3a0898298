"""Road warriors: L2TP/IPsec clients, and clients with XAUTH and mode config."""

from __future__ import annotations

from dataclasses import replace

from clients.facts import Habits, Known, Life, Login, Peer, Sure, VendorIdSent, known
from ikev1.wire.registry import AuthenticationMethod, IdType
from ikev1.wire.registry import ConfigAttribute as C

WINDOWS = Peer(
    "windows-l2tp",
    ike=(
        *known(Sure.LOG, "aes256-sha1-ecp384", "aes128-sha1-ecp256", "aes256-sha1-modp2048"),
        *known(Sure.REMEMBERED, "3des-sha1-modp2048", "3des-sha1-modp1024"),
    ),
    ike_life=Life(28_800, Sure.LOG),
    esp=known(Sure.REMEMBERED, "aes256-sha1", "aes128-sha1", "3des-sha1", "des-sha1", "null-sha1"),
    esp_life=Life(3_600, Sure.REMEMBERED, 250_000),
    # no DPD
    vendor_ids=tuple(
        VendorIdSent(name, Sure.LOG)
        for name in (
            "01528bbb 1",
            "MS NT5 ISAKMPOAKLEY 9",
            "RFC 3947",
            "draft-02 with newline",
            "FRAGMENTATION",
            "MS-Negotiation Discovery Capable",
            "Vid-Initial-Contact",
            "IKE CGA version 1",
        )
    ),
    identity_sure=Sure.LOG,
    transport=True,
)

WINDOWS_7 = replace(
    WINDOWS,
    name="windows-7-l2tp",
    vendor_ids=tuple(each._replace(name=each.name.replace("OAKLEY 9", "OAKLEY 8")) for each in WINDOWS.vendor_ids),
)

_APPLE_IKE = (
    *(f"aes256-{hash}-modp2048" for hash in ("sha256", "sha1", "md5", "sha512")),
    *(f"aes256-{hash}-modp1536" for hash in ("sha256", "sha1", "md5")),
    *(f"aes256-{hash}-modp1024" for hash in ("sha256", "sha1", "md5")),
    "aes128-sha1-modp1024",
    "aes128-md5-modp1024",
    "3des-sha1-modp1024",
    "3des-md5-modp1024",
)
_APPLE_NATT = tuple(
    VendorIdSent(name, Sure.REMEMBERED)
    for name in (
        "RFC 3947",
        "draft-08",
        "draft-07",
        "draft-06",
        "draft-05",
        "draft-04",
        "draft-03",
        "draft-02",
        "draft-01",
        "draft-00",
        "draft-02 with newline",
        "FRAGMENTATION 80000000",
        "DPD",
    )
)

APPLE_L2TP = Peer(
    "apple-l2tp",
    # of this list a log shows that number 13 is 3DES with SHA-1 and group 2
    ike=tuple(
        Known(words, Sure.LOG if number == 13 else Sure.REMEMBERED) for number, words in enumerate(_APPLE_IKE, 1)
    ),
    ike_life=Life(3_600, Sure.REMEMBERED),
    esp=known(Sure.LOG, "aes256-sha1", "aes256-md5", "aes128-sha1", "aes128-md5", "3des-sha1", "3des-md5"),
    esp_life=Life(3_600, Sure.LOG),
    vendor_ids=_APPLE_NATT,
    identity_sure=Sure.LOG,
    transport=True,
)

_APPLE_LOGIN = Login(
    tuple(
        (kind, b"")
        for kind in (
            C.INTERNAL_IP4_ADDRESS,
            C.INTERNAL_IP4_NETMASK,
            C.INTERNAL_IP4_DNS,
            C.INTERNAL_IP4_NBNS,
            C.INTERNAL_ADDRESS_EXPIRY,
            C.APPLICATION_VERSION,
            C.UNITY_BANNER,
            C.UNITY_DEF_DOMAIN,
            C.UNITY_SPLITDNS_NAME,
            C.UNITY_SPLIT_INCLUDE,
            C.UNITY_LOCAL_LAN,
            C.UNITY_PFS,
            C.UNITY_SAVE_PASSWD,
            C.UNITY_FW_TYPE,
            C.UNITY_BACKUP_SERVERS,
            C.UNITY_DDNS_HOSTNAME,
        )
    ),
    Sure.REMEMBERED,
)

APPLE_CISCO = replace(
    APPLE_L2TP,
    name="apple-cisco",
    methods=(AuthenticationMethod.XAUTH_INIT_PRE_SHARED,),
    vendor_ids=(*_APPLE_NATT, VendorIdSent("XAUTH", Sure.REMEMBERED), VendorIdSent("Unity", Sure.REMEMBERED)),
    transport=False,
    login=_APPLE_LOGIN,
)

# With a certificate; the offers are those with a secret (from memory)
_CERTIFICATE = (IdType.DER_ASN1_DN, b"C=CH, O=lab, CN=alice-phone")
APPLE_CERTIFICATE = replace(
    APPLE_CISCO,
    name="apple-certificate",
    methods=(AuthenticationMethod.XAUTH_INIT_RSA,),
    identity=_CERTIFICATE,
    identity_sure=Sure.REMEMBERED,
)
APPLE_HYBRID = replace(APPLE_CISCO, name="apple-hybrid", methods=(AuthenticationMethod.HYBRID_INIT_RSA,))
WINDOWS_CERTIFICATE = replace(
    WINDOWS,
    name="windows-l2tp-certificate",
    methods=(AuthenticationMethod.RSA_SIGNATURES,),
    identity=_CERTIFICATE,
    identity_sure=Sure.REMEMBERED,
)

APPLE_CISCO_GROUP = replace(
    APPLE_CISCO,
    name="apple-cisco-group",
    # the group cannot be negotiated in Aggressive Mode (RFC 2409 §5): which it sends is not known
    ike=tuple(each for each in APPLE_CISCO.ike if each.words.endswith("modp1024")),
    aggressive=True,
    identity=(IdType.KEY_ID, b"staff"),
    login=_APPLE_LOGIN,
)

_ANDROID_PAIRS = tuple(f"{cipher}-{hash}" for cipher in ("aes256", "aes128", "3des", "des") for hash in ("sha1", "md5"))

ANDROID_L2TP = Peer(
    "android-l2tp",
    ike=known(Sure.SOURCE, *(f"{pair}-modp1024" for pair in _ANDROID_PAIRS)),
    ike_life=Life(28_800, Sure.SOURCE),
    esp=known(Sure.SOURCE, *_ANDROID_PAIRS),
    esp_life=Life(28_800, Sure.SOURCE),
    # NAT-T and fragmentation are on in its source; which vendor IDs its racoon sends for them is remembered
    vendor_ids=(VendorIdSent("RFC 3947", Sure.REMEMBERED), VendorIdSent("FRAGMENTATION 80000000", Sure.REMEMBERED)),
    identity_sure=Sure.SOURCE,
    transport=True,
)

_ANDROID_LATER = tuple(
    f"{cipher}-{hash}"
    for cipher in ("aes256", "aes128", "3des", "des")
    for hash in ("sha256", "sha384", "sha512", "sha1", "md5")
)

ANDROID_LATER_L2TP = replace(
    ANDROID_L2TP,
    name="android-later-l2tp",
    ike=known(Sure.REMEMBERED, *(f"{pair}-modp1024" for pair in _ANDROID_LATER)),
    esp=known(Sure.REMEMBERED, *_ANDROID_LATER),
)

ANDROID_XAUTH = replace(
    ANDROID_L2TP,
    name="android-xauth",
    methods=(AuthenticationMethod.XAUTH_INIT_PRE_SHARED,),
    vendor_ids=(*ANDROID_L2TP.vendor_ids, VendorIdSent("XAUTH", Sure.REMEMBERED)),
    transport=False,
    # that it uses the IPv4 address alone, and the NULs, were read in its source
    login=Login(
        tuple((kind, b"") for kind in (C.INTERNAL_IP4_ADDRESS, C.INTERNAL_IP4_NETMASK, C.INTERNAL_IP4_DNS)),
        Sure.REMEMBERED,
        trailing_nul=True,
    ),
)

ANDROID_CERTIFICATE = replace(
    ANDROID_XAUTH, name="android-certificate", methods=(AuthenticationMethod.XAUTH_INIT_RSA,), identity=_CERTIFICATE
)
ANDROID_HYBRID = replace(ANDROID_XAUTH, name="android-hybrid", methods=(AuthenticationMethod.HYBRID_INIT_RSA,))

ANDROID_XAUTH_IDENTIFIER = replace(
    ANDROID_XAUTH, name="android-xauth-identifier", aggressive=True, identity=(IdType.KEY_ID, b"staff")
)

NETWORKMANAGER_L2TP = Peer(
    "networkmanager-l2tp",
    ike=known(
        Sure.SOURCE,
        "aes256-sha256-modp2048",
        "aes256-sha256-modp1536",
        "aes256-sha256-modp1024",
        "aes256-sha1-modp2048",
        "aes256-sha1-modp1536",
        "aes256-sha1-modp1024",
        "aes256-sha1-ecp384",
        "aes128-sha1-modp1024",
        "aes128-sha1-ecp256",
        "3des-sha1-modp2048",
        "3des-sha1-modp1024",
    ),
    ike_life=Life(10_800, Sure.REMEMBERED),  # strongSwan's default
    esp=known(Sure.SOURCE, "aes256-sha1", "aes128-sha1", "3des-sha1"),
    esp_life=Life(3_600, Sure.REMEMBERED),
    vendor_ids=(VendorIdSent("DPD", Sure.REMEMBERED), VendorIdSent("RFC 3947", Sure.REMEMBERED)),
    transport=True,
)

_VPNC_PAIRS = tuple(
    f"{cipher}-{hash}" for cipher in ("aes256", "aes192", "aes128", "3des", "des", "null") for hash in ("sha1", "md5")
)
VPNC_HABITS = Habits(first_number=0, key_length_first=True, proposal_each=True)

VPNC = Peer(
    "vpnc",
    ike=known(Sure.SOURCE, *(f"{pair}-modp1024" for pair in _VPNC_PAIRS)),
    ike_life=Life(2_147_483, Sure.SOURCE),
    esp=known(Sure.SOURCE, *_VPNC_PAIRS),
    esp_life=Life(2_147_483, Sure.SOURCE),
    vendor_ids=tuple(
        VendorIdSent(name, Sure.SOURCE)
        for name in (
            "XAUTH",
            "Unity",
            "RFC 3947",
            "draft-03",
            "draft-02 with newline",
            "draft-02",
            "draft-01",
            "draft-00",
            "DPD",
        )
    ),
    methods=(AuthenticationMethod.XAUTH_INIT_PRE_SHARED, AuthenticationMethod.PRE_SHARED_KEY),
    aggressive=True,
    identity=(IdType.KEY_ID, b"staff"),
    identity_sure=Sure.SOURCE,
    identity_port=(17, 500),
    habits=VPNC_HABITS,
    login=Login(
        (
            (C.INTERNAL_IP4_ADDRESS, b""),
            (C.INTERNAL_IP4_NETMASK, b""),
            (C.INTERNAL_IP4_DNS, b""),
            (C.INTERNAL_IP4_NBNS, b""),
            (C.UNITY_DEF_DOMAIN, b""),
            (C.UNITY_FW_TYPE, bytes.fromhex("800100018002000180030002")),
            (C.UNITY_PFS, b""),
            (C.UNITY_BANNER, b""),
            (C.UNITY_SAVE_PASSWD, b""),
            (C.UNITY_SPLIT_INCLUDE, b""),
            (C.UNITY_SPLITDNS_NAME, b""),
            (C.UNITY_DDNS_HOSTNAME, b"laptop"),
            (C.APPLICATION_VERSION, b"Cisco Systems VPN Client 0.5.3+git20220927-1:Linux"),
        ),
        Sure.SOURCE,
        identifier=20,
    ),
)

VPNC_DH14 = replace(VPNC, name="vpnc-dh14", ike=known(Sure.SOURCE, *(f"{pair}-modp2048" for pair in _VPNC_PAIRS)))

_CISCO_CLIENT_PAIRS = ("aes256-sha1", "aes256-md5", "aes128-sha1", "aes128-md5", "3des-sha1", "3des-md5", "des-md5")

CISCO_CLIENT = Peer(
    "cisco-vpn-client",
    ike=known(Sure.REMEMBERED, *(f"{pair}-modp1024" for pair in _CISCO_CLIENT_PAIRS)),
    ike_life=Life(2_147_483, Sure.REMEMBERED),
    esp=known(Sure.REMEMBERED, *_CISCO_CLIENT_PAIRS),
    esp_life=Life(2_147_483, Sure.REMEMBERED),
    vendor_ids=tuple(
        VendorIdSent(name, Sure.REMEMBERED)
        for name in ("XAUTH", "DPD", "FRAGMENTATION c0000000", "draft-02 with newline", "Unity")
    ),
    methods=(AuthenticationMethod.XAUTH_INIT_PRE_SHARED, AuthenticationMethod.PRE_SHARED_KEY),
    aggressive=True,
    identity=(IdType.KEY_ID, b"staff"),
    identity_sure=Sure.DOCUMENTED,
    identity_port=(17, 500),
    habits=Habits(ipcomp=True),
    login=replace(
        _APPLE_LOGIN,
        requests=tuple(
            (kind, b"Cisco Systems VPN Client 5.0" if kind == C.APPLICATION_VERSION else value)
            for kind, value in _APPLE_LOGIN.requests
        ),
    ),
)

FORTICLIENT = Peer(
    "forticlient",
    # of the groups 14 and 5, which cannot be negotiated in Aggressive Mode
    ike=known(
        Sure.REMEMBERED,
        "aes128-sha256-modp2048",
        "aes256-sha256-modp2048",
        "aes128-sha1-modp2048",
        "aes256-sha1-modp2048",
    ),
    ike_life=Life(86_400, Sure.REMEMBERED),
    esp=known(
        Sure.REMEMBERED,
        "aes128-sha256-modp2048",
        "aes256-sha256-modp2048",
        "aes128-sha1-modp2048",
        "aes256-sha1-modp2048",
    ),
    esp_life=Life(43_200, Sure.REMEMBERED),
    vendor_ids=tuple(VendorIdSent(name, Sure.REMEMBERED) for name in ("XAUTH", "DPD", "RFC 3947", "FortiGate")),
    methods=(AuthenticationMethod.XAUTH_INIT_PRE_SHARED,),
    aggressive=True,
    identity=(IdType.KEY_ID, b"staff"),
    login=_APPLE_LOGIN,
)

CISCO_CLIENT_CERTIFICATE = replace(
    CISCO_CLIENT,
    name="cisco-vpn-client-certificate",
    ike=known(Sure.REMEMBERED, *(f"{pair}-modp1536" for pair in _CISCO_CLIENT_PAIRS)),
    methods=(AuthenticationMethod.XAUTH_INIT_RSA,),
    aggressive=False,
    identity=_CERTIFICATE,
)
