"""The numbers of ISAKMP itself: RFC 2408, its IANA registry, and what real peers add to it."""

from __future__ import annotations

from ikev1.wire.registry.open_enum import OpenEnum


class PayloadType(OpenEnum, prefix="PAYLOAD", octets=1):
    """Next Payload (RFC 2408 §3.1), the IANA registry "Next Payload Types", and numbers in use without it."""

    NONE = 0
    SECURITY_ASSOCIATION = 1
    PROPOSAL = 2
    TRANSFORM = 3
    KEY_EXCHANGE = 4
    IDENTIFICATION = 5
    CERTIFICATE = 6
    CERTIFICATE_REQUEST = 7
    HASH = 8
    SIGNATURE = 9
    NONCE = 10
    NOTIFICATION = 11
    DELETE = 12
    VENDOR_ID = 13
    ATTRIBUTES = 14  # draft-dukes-ike-mode-cfg-02 §3.2
    NAT_D_PRE_DRAFT = 15  # before it was GDOI's SA KEK payload, peers of 2001 sent NAT-D so
    SA_TEK = 16  # RFC 3547, GDOI
    KEY_DOWNLOAD = 17
    SEQUENCE_NUMBER = 18
    PROOF_OF_POSSESSION = 19
    NAT_D = 20  # RFC 3947 §9
    NAT_OA = 21
    GROUP_ASSOCIATED_POLICY = 22  # RFC 6407
    NAT_D_DRAFT = 130  # draft-ietf-ipsec-nat-t-ike-00 to -03
    NAT_OA_DRAFT = 131
    FRAGMENT = 132  # MS-IKEE §2.2.3.1


class ExchangeType(OpenEnum, prefix="EXCHANGE", octets=1):
    """Exchange Type: RFC 2408 §3.1, RFC 2409 Appendix A, draft-dukes-ike-mode-cfg-02 §3.1."""

    NONE = 0
    BASE = 1
    IDENTITY_PROTECTION = 2
    AUTHENTICATION_ONLY = 3
    AGGRESSIVE = 4
    INFORMATIONAL = 5
    TRANSACTION = 6
    QUICK_MODE = 32
    NEW_GROUP_MODE = 33


class Flags(OpenEnum, prefix="FLAG", octets=1):
    """The flags of the header, a bit each (RFC 2408 §3.1)."""

    ENCRYPTION = 1
    COMMIT = 2
    AUTHENTICATION = 4


class DOI(OpenEnum, prefix="DOI", octets=4):
    """Domain of Interpretation (RFC 2408 §3.4)."""

    ISAKMP = 0
    IPSEC = 1
    GDOI = 2


class CertificateEncoding(OpenEnum, prefix="CERTIFICATE_ENCODING", octets=1):
    """Certificate Encoding (RFC 2408 §3.9)."""

    NONE = 0
    PKCS7_WRAPPED_X509 = 1
    PGP = 2
    DNS_SIGNED_KEY = 3
    X509_SIGNATURE = 4
    X509_KEY_EXCHANGE = 5
    KERBEROS_TOKENS = 6
    CRL = 7
    ARL = 8
    SPKI = 9
    X509_ATTRIBUTE = 10


class NotifyType(OpenEnum, prefix="NOTIFY", octets=2):
    """Notify Message Type: RFC 2408 §3.14.1, RFC 2407 §4.6.3, RFC 3706 §5.3, and Cisco's load balancing."""

    INVALID_PAYLOAD_TYPE = 1
    DOI_NOT_SUPPORTED = 2
    SITUATION_NOT_SUPPORTED = 3
    INVALID_COOKIE = 4
    INVALID_MAJOR_VERSION = 5
    INVALID_MINOR_VERSION = 6
    INVALID_EXCHANGE_TYPE = 7
    INVALID_FLAGS = 8
    INVALID_MESSAGE_ID = 9
    INVALID_PROTOCOL_ID = 10
    INVALID_SPI = 11
    INVALID_TRANSFORM_ID = 12
    ATTRIBUTES_NOT_SUPPORTED = 13
    NO_PROPOSAL_CHOSEN = 14
    BAD_PROPOSAL_SYNTAX = 15
    PAYLOAD_MALFORMED = 16
    INVALID_KEY_INFORMATION = 17
    INVALID_ID_INFORMATION = 18
    INVALID_CERT_ENCODING = 19
    INVALID_CERTIFICATE = 20
    CERT_TYPE_UNSUPPORTED = 21
    INVALID_CERT_AUTHORITY = 22
    INVALID_HASH_INFORMATION = 23
    AUTHENTICATION_FAILED = 24
    INVALID_SIGNATURE = 25
    ADDRESS_NOTIFICATION = 26
    NOTIFY_SA_LIFETIME = 27
    CERTIFICATE_UNAVAILABLE = 28
    UNSUPPORTED_EXCHANGE_TYPE = 29
    UNEQUAL_PAYLOAD_LENGTHS = 30

    CONNECTED = 16384
    RESPONDER_LIFETIME = 24576
    REPLAY_STATUS = 24577
    INITIAL_CONTACT = 24578

    R_U_THERE = 36136
    R_U_THERE_ACK = 36137
    LOAD_BALANCE = 40501  # Cisco concentrators: go to the address in the data
