"""Errors and warnings about a configuration, collected so that one run reports all of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from ikev1.errors import LocalError

# What a connection without credentials lacks; formats have words of their own for it
NO_PROOF = "a pre-shared key in secret or secret_file, or a private_key"


class Rule(StrEnum):
    """The stable name of what a finding is about; the texts may change."""

    # files
    UNREADABLE_FILE = "unreadable-file"
    NOT_TOML = "not-toml"
    INVALID_FILE = "invalid-file"
    CHANGEABLE_BY_OTHERS = "changeable-by-others"
    READABLE_BY_OTHERS = "readable-by-others"
    SYNTAX = "syntax"
    INCLUDE = "include"
    # single keys
    UNKNOWN_KEY = "unknown-key"
    MISSING_KEY = "missing-key"
    UNUSED_KEY = "unused-key"
    INVALID_VALUE = "invalid-value"
    INVALID_SECRET = "invalid-secret"  # noqa: S105
    ODD_SECRET = "odd-secret"  # noqa: S105
    INVALID_IDENTITY = "invalid-identity"
    INVALID_NAME = "invalid-name"
    SAME_PORTS = "same-ports"
    PUBLIC_METRICS = "public-metrics"
    WEAK_ALGORITHM = "weak-algorithm"
    UNUSED_ALGORITHM = "unused-algorithm"
    SHORT_LIFETIME = "short-lifetime"
    HOST_BITS = "host-bits"
    NAT_TRAVERSAL_TWICE = "nat-traversal-twice"
    # other formats
    NO_COUNTERPART = "no-counterpart"
    NOT_SUPPORTED = "not-supported"
    NOT_IKEV1 = "not-ikev1"
    UNKNOWN_FORMAT = "unknown-format"
    SEVERAL_DEVICES = "several-devices"
    WHICH_END = "which-end"
    # authentication
    TWO_SECRETS = "two-secrets"
    NO_CREDENTIAL = "no-credential"
    METHOD_NEEDS_KEY = "method-needs-key"
    NO_USABLE_POLICY = "no-usable-policy"
    CERTIFICATE_OF_OTHER_KEY = "certificate-of-other-key"
    CERTIFICATE_NOT_VALID_NOW = "certificate-not-valid-now"
    LOCAL_ID_NOT_IN_CERTIFICATE = "local-id-not-in-certificate"
    XAUTH_METHOD = "xauth-method"
    XAUTH_WITHOUT_BACKEND = "xauth-without-backend"
    XAUTH_INHERITED = "xauth-inherited"
    SMALL_KEY = "small-key"
    KEY_SHARED_WITH_TLS = "key-shared-with-tls"
    KEY_SIGNS_AND_DECRYPTS = "key-signs-and-decrypts"
    NO_TRUST = "no-trust"
    TRUST_WITHOUT_KEY = "trust-without-key"
    UNSUITABLE_PEER_KEY = "unsuitable-peer-key"
    PEER_KEY_WITHOUT_POLICY = "peer-key-without-policy"
    SEVERAL_ENCRYPTION_KEYS = "several-encryption-keys"
    IDENTITY_TOO_LONG = "identity-too-long"
    OWN_KEY_AS_PEER_KEY = "own-key-as-peer-key"
    # identities of peers
    ANY_RESPONDER = "any-responder"
    ANY_CERTIFIED_PEER = "any-certified-peer"
    NO_REMOTE_ID = "no-remote-id"
    SINGLE_LABEL = "single-label"
    SEVERAL_PEERS = "several-peers"
    UNEXPECTED_PEER_KEY = "unexpected-peer-key"
    PEER_KEY_WITHOUT_IDENTITY = "peer-key-without-identity"
    # tunnels
    NO_TUNNEL = "no-tunnel"
    START_WITHOUT_ADDRESS = "start-without-address"
    MIXED_IP_VERSIONS = "mixed-ip-versions"
    ESP_AND_AH = "esp-and-ah"
    AH_IN_UDP = "ah-in-udp"
    TRANSPORT_OF_NETWORKS = "transport-of-networks"
    DROP_OF_UNKNOWN_TRAFFIC = "drop-of-unknown-traffic"
    ESN_WITHOUT_WINDOW = "esn-without-window"
    NEEDS_KERNEL = "needs-kernel"
    FRAGMENTS_OF_PORTS = "fragments-of-ports"
    SAME_NETWORK_AT_BOTH_ENDS = "same-network-at-both-ends"
    ICMP_ERRORS_FROM_OUTSIDE = "icmp-errors-from-outside"
    UDP_NEEDS_GATEWAY = "udp-needs-gateway"
    # virtual addresses
    UNKNOWN_POOL = "unknown-pool"
    UNUSED_POOL = "unused-pool"
    SMALL_POOL = "small-pool"
    ANY_ADDRESS = "any-address"
    POOLS_OVERLAP = "pools-overlap"
    POOL_HOLDS_GATEWAY = "pool-holds-gateway"
    POOL_IN_OWN_NETWORK = "pool-in-own-network"
    SPLIT_NETWORK_UNREACHABLE = "split-network-unreachable"
    POOLS_AND_VIPS = "pools-and-vips"
    TRAP_OF_VIRTUAL_ADDRESS = "trap-of-virtual-address"
    VIRTUAL_ADDRESS_UNUSED = "virtual-address-unused"
    # users
    NO_BACKEND = "no-backend"
    UNUSED_BACKEND = "unused-backend"
    MISSING_PACKAGE = "missing-package"
    SHORT_SECRET = "short-secret"  # noqa: S105
    FORGED_REPLIES = "forged-replies"
    # Aggressive Mode
    AGGRESSIVE_LEAVES_OUT_WEAK = "aggressive-leaves-out-weak"
    AGGRESSIVE_ONE_GROUP = "aggressive-one-group"
    AGGRESSIVE_PSK = "aggressive-psk"
    AGGRESSIVE_PSK_REFUSED = "aggressive-psk-refused"
    # several connections
    SAME_TUNNEL_NAME = "same-tunnel-name"
    SAME_NETWORKS = "same-networks"
    NEVER_UP = "never-up"
    SHUNT_ORDER = "shunt-order"
    SAME_ADDRESSES_OTHER_SECRET = "same-addresses-other-secret"  # noqa: S105
    SAME_ADDRESSES_OTHER_TRUST = "same-addresses-other-trust"
    SAME_ADDRESSES_AND_IDENTITY = "same-addresses-and-identity"


_MOST_NAMED = 10  # findings that are alike
_LONGEST_KEY, _LONGEST_TEXT = 500, 4000  # characters
_IGNORABLE = frozenset({Rule.UNKNOWN_KEY, Rule.NOT_SUPPORTED})
_LEAVE_OUT = frozenset({Rule.INVALID_SECRET, Rule.UNREADABLE_FILE, Rule.INVALID_FILE, Rule.NOT_SUPPORTED})
_LEAVE_OUT |= {Rule.READABLE_BY_OTHERS, Rule.CHANGEABLE_BY_OTHERS}
# What a table lacks, also because another error is about a part of it
_CONSEQUENCES = frozenset({Rule.NO_CREDENTIAL, Rule.METHOD_NEEDS_KEY, Rule.NO_USABLE_POLICY, Rule.NO_TRUST})


class Invalid(LocalError, ValueError):
    """A value that breaks ``rule``; the text says what was found and what is allowed."""

    code = "invalid-value"

    def __init__(self, rule: Rule, text: str) -> None:
        super().__init__(text)
        self.rule = rule


class Finding(NamedTuple):
    """One error or warning: the file, the path of the key (empty: the whole file), the rule, and a text that says what
    is wrong and what is allowed. ``line`` and ``column`` count from 1, 0 where they are not known; ``allowed`` are the
    keys that an unknown one may stand for.
    """

    file: Path
    key: str
    rule: Rule
    text: str
    line: int = 0
    allowed: tuple[str, ...] = ()
    column: int = 0

    @property
    def can_be_ignored(self) -> bool:
        """Whether the configuration has a meaning without the key, which the user may accept."""
        return self.rule in _IGNORABLE

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.column else str(self.file)
        return ": ".join(filter(None, (place, self.key, self.text)))


def lines(findings: Iterable[Finding]) -> list[str]:
    """A line for each finding, but one for all that differ only in the name of the connection or tunnel."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        names = finding.key.split(".")
        key = tuple(name for place, name in enumerate(names) if place % 2 == 0)
        words = "|".join(re.escape(name) for name in names[1::2] if name)
        text = re.sub(rf"\b(?:{words})\b", "*", finding.text) if words else finding.text
        groups.setdefault((finding.file, finding.rule, len(names), key, text), []).append(finding)
    return [_line(*group) for group in groups.values()]


def shortened(finding: Finding) -> Finding:
    """``finding``, which may quote what stands in a file, with the ends of a long key and text left out."""
    if len(finding.key) <= _LONGEST_KEY and len(finding.text) <= _LONGEST_TEXT:
        return finding
    return finding._replace(key=_cut(finding.key, _LONGEST_KEY), text=_cut(finding.text, _LONGEST_TEXT))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} ..."


def causes(errors: Iterable[Finding]) -> tuple[Finding, ...]:
    """``errors`` without those that say what a table lacks, if it may be what another error in this table is about."""
    found = tuple(errors)
    around = {path for error in found if _leaves_out(error) for path in _tables_around(error.key)}
    return tuple(error for error in found if error.rule not in _CONSEQUENCES or error.key not in around)


def _leaves_out(error: Finding) -> bool:
    """Whether, because of ``error``, something is missing that the user has written: also under a misspelled key."""
    return error.rule in _LEAVE_OUT or (error.rule is Rule.UNKNOWN_KEY and len(error.allowed) == 1)


def _tables_around(key: str) -> Iterator[str]:
    while "." in key:
        key = key.rpartition(".")[0]
        yield key


def _line(first: Finding, *others: Finding) -> str:
    if not others:
        return str(first)
    named = [f"{other.key} (line {other.line})" if other.line else other.key for other in others[:_MOST_NAMED]]
    more = [f"{len(others) - _MOST_NAMED} more"] if len(others) > _MOST_NAMED else []
    return f"{first} (also {', '.join([*named, *more])})"


class ConfigError(LocalError):
    """A configuration that cannot be used; ``findings`` are all the reasons."""

    code = "config-invalid"

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = tuple(map(shortened, findings))
        super().__init__("\n".join(map(str, self.findings)))


class Findings:
    """The errors and warnings of one file while it is read."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.errors: list[Finding] = []
        self.warnings: list[Finding] = []

    def error(self, key: str, rule: Rule, text: str, allowed: tuple[str, ...] = ()) -> None:
        """Report that the configuration cannot be used because of ``key``."""
        self.errors.append(Finding(self.file, key, rule, text, allowed=allowed))

    def warn(self, key: str, rule: Rule, text: str) -> None:
        """Report that ``key`` can be used, but is probably a mistake."""
        self.warnings.append(Finding(self.file, key, rule, text))

    def is_wrong(self, key: str) -> bool:
        """Whether an error was reported for ``key``, so that its value is not the configured one."""
        return any(finding.key == key for finding in self.errors)
