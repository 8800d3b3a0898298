"""The numbers of mode config, XAUTH and Cisco Unity, which have no IANA registry."""

from __future__ import annotations

from ikev1.wire.registry.open_enum import OpenEnum


class ConfigType(OpenEnum, prefix="CONFIG", octets=1):
    """Type of an attributes payload (draft-dukes-ike-mode-cfg-02 §3.3)."""

    REQUEST = 1
    REPLY = 2
    SET = 3
    ACK = 4


class ConfigAttribute(OpenEnum, prefix="ATTRIBUTE", octets=2):
    """Attributes of mode config (draft-dukes-ike-mode-cfg-02 §3.4), XAUTH (draft-beaulieu-ike-xauth-02 §6.2) and, from
    28672 on, Cisco's Unity clients.
    """

    INTERNAL_IP4_ADDRESS = 1
    INTERNAL_IP4_NETMASK = 2
    INTERNAL_IP4_DNS = 3
    INTERNAL_IP4_NBNS = 4
    INTERNAL_ADDRESS_EXPIRY = 5
    INTERNAL_IP4_DHCP = 6
    APPLICATION_VERSION = 7
    INTERNAL_IP6_ADDRESS = 8
    INTERNAL_IP6_NETMASK = 9
    INTERNAL_IP6_DNS = 10
    INTERNAL_IP6_NBNS = 11
    INTERNAL_IP6_DHCP = 12
    INTERNAL_IP4_SUBNET = 13
    SUPPORTED_ATTRIBUTES = 14
    INTERNAL_IP6_SUBNET = 15

    XAUTH_TYPE = 16520
    XAUTH_USER_NAME = 16521
    XAUTH_USER_PASSWORD = 16522
    XAUTH_PASSCODE = 16523
    XAUTH_MESSAGE = 16524
    XAUTH_CHALLENGE = 16525
    XAUTH_DOMAIN = 16526
    XAUTH_STATUS = 16527
    XAUTH_NEXT_PIN = 16528
    XAUTH_ANSWER = 16529

    UNITY_BANNER = 28672
    UNITY_SAVE_PASSWD = 28673
    UNITY_DEF_DOMAIN = 28674
    UNITY_SPLITDNS_NAME = 28675
    UNITY_SPLIT_INCLUDE = 28676
    UNITY_NATT_PORT = 28677
    UNITY_LOCAL_LAN = 28678
    UNITY_PFS = 28679
    UNITY_FW_TYPE = 28680
    UNITY_BACKUP_SERVERS = 28681
    UNITY_DDNS_HOSTNAME = 28682


SECRET_ATTRIBUTES = frozenset(
    {
        ConfigAttribute.XAUTH_USER_PASSWORD,
        ConfigAttribute.XAUTH_PASSCODE,
        ConfigAttribute.XAUTH_NEXT_PIN,
        ConfigAttribute.XAUTH_ANSWER,
    }
)
"""Attributes whose values must not appear in a log or repr."""


class XauthType(OpenEnum, prefix="XAUTH_TYPE", octets=2):
    """XAUTH-TYPE (draft-beaulieu-ike-xauth-02 §6.3)."""

    GENERIC = 0
    RADIUS_CHAP = 1
    OTP = 2
    S_KEY = 3


class XauthStatus(OpenEnum, prefix="XAUTH_STATUS", octets=2):
    """XAUTH-STATUS (draft-beaulieu-ike-xauth-02 §6.2)."""

    FAIL = 0
    OK = 1


CONFIG_VALUES: dict[int, type[OpenEnum]] = {
    ConfigAttribute.XAUTH_TYPE: XauthType,
    ConfigAttribute.XAUTH_STATUS: XauthStatus,
}
"""Attributes of mode config and XAUTH whose values have names (draft-beaulieu-ike-xauth-02 §6.2)."""
