"""strongswan.conf: the options of charon that change what it sends and accepts. All others are its own affair."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ikev1.config.findings import Rule
from ikev1.config.formats.swanctl.attr_sql import SqlPools, read_pools
from ikev1.config.formats.swanctl.options import Lost, Options, count, decimal, items, seconds, yes
from ikev1.config.formats.swanctl.pools import ATTRIBUTES
from ikev1.config.formats.written import Part, Place

Value = TypeVar("Value")
Default = TypeVar("Default")

NAMES = ("charon-systemd", "charon")  # of its section; what the first has takes precedence
AGGRESSIVE_PSK = "i_dont_care_about_security_and_use_aggressive_mode_psk"
_LOST = (
    Lost("interfaces_use", "the gateway listens on all interfaces", matters=True),
    Lost("interfaces_ignore", "the gateway listens on all interfaces", matters=True),
    Lost("accept_unencrypted_mainmode_messages", "such messages are refused", ("no",)),
    Lost("close_ike_on_child_failure", "the ISAKMP SA remains", ("no",)),
    Lost("retransmit_limit", "waits are not limited", ("0",)),
    Lost("half_open_timeout", "half-open SAs end with their retransmissions", ("30",)),
    Lost("delete_rekeyed", "replaced SAs are deleted after delete_rekeyed_delay", ("no", "yes")),
)
_VICI_SOCKET = "unix://"


class Daemon:
    """The options of charon in ``top``, some of which other parts of swanctl.conf need; ``sections`` are those with
    all of them. ``aggressive_psk`` is the default of `AGGRESSIVE_PSK`.
    """

    def __init__(self, top: Options, into: Part, *, aggressive_psk: bool = False) -> None:
        self.sections = [top.table(name) for name in NAMES if name in top]
        self._into = into
        self.aggressive_psk = bool(self._take(AGGRESSIVE_PSK, yes, False)) or aggressive_psk
        tries = int(self._copy("retransmit_tries", count, 5))
        timeout = self._copy("retransmit_timeout", decimal, 4.0)
        base = self._copy("retransmit_base", decimal, 1.8)
        jitter = self._take("retransmit_jitter", decimal, 0.0)
        self.retransmission_time = _sum(min(tries, 20), timeout, base)
        self.install_routes = self._take("install_routes", yes, True)
        self.pam_service = self._pam_service()
        self.cisco_unity = self._take("cisco_unity", yes, False), self._place("cisco_unity")
        gateway = into.part("gateway")
        gateway.put("retransmit_jitter", min(jitter, 20.0) / 100, self._place("retransmit_jitter"))
        if self._take("initiator_only", yes, False):
            gateway.put("initiator_only", True, self._place("initiator_only"))
        self._copy_integers(gateway)
        for section in self.sections:
            section.lose(*_LOST)

    def attributes(self) -> dict[str, tuple[list[str], Options, str]]:
        """The attributes that clients of all pools get, by our names: values, and the section and key with them."""
        found: dict[str, tuple[list[str], Options, str]] = {}
        for section in self.sections:
            attr = section.table("plugins").table("attr")
            for key in attr.names():
                if key == "load":
                    continue
                name = ATTRIBUTES.get(key.replace("-", "_"))
                values = attr.take(key, items, [])
                if name is None:
                    text = "clients do not get this attribute"
                    attr.findings.warn(attr.key(key), Rule.NO_COUNTERPART, text)
                else:
                    found.setdefault(name, (values, attr, key))
            for key in ("dns1", "dns2", "nbns1", "nbns2"):
                if key in section:
                    values, *_ = found.setdefault(key[:-1], ([], section, key))
                    values += section.take(key, items, [])
        return found

    def sql_pools(self) -> SqlPools | None:
        """The pools of the plugin attr-sql, if there is one."""
        plugins = (section.table("plugins") for section in self.sections)
        found = (each.table("attr-sql") for each in plugins if "attr-sql" in each)
        return next((pools for each in found if (pools := read_pools(each))), None)

    def _pam_service(self) -> tuple[str, Place | None]:
        """The name of the service and where it was written."""
        for section in self.sections:
            pam = section.table("plugins").table("xauth-pam")
            if "pam_service" in pam:
                return pam.take("pam_service", str, "login"), pam.place("pam_service")
        return "login", None

    def _copy_integers(self, gateway: Part) -> None:
        for theirs, ours in (
            ("fragment_size", "fragment_size"),
            ("port", "port"),
            ("port_nat_t", "encapsulation_port"),
        ):
            if (value := self._take(theirs, count, None)) is not None:
                gateway.put(ours, value, self._place(theirs))
        keep_alive = self._take("keep_alive", seconds, None)
        if keep_alive == 0:
            section = next(each for each in self.sections if "keep_alive" in each)
            section.findings.warn(section.key("keep_alive"), Rule.NO_COUNTERPART, "NAT keepalives are sent every hour")
        if keep_alive is not None:
            gateway.put("nat_keepalive", keep_alive or 3600, self._place("keep_alive"))
        if interval := self._take("retry_initiate_interval", decimal, 0.0):
            gateway.put("retry_initiate_interval", interval, self._place("retry_initiate_interval"))
        for section in self.sections:
            socket = section.table("plugins").table("vici").take("socket", str, "")
            if socket.startswith(_VICI_SOCKET):
                gateway.put("control", socket.removeprefix(_VICI_SOCKET), section.place("plugins"))
                break

    def _copy(self, key: str, convert: Callable[[object], float], default: float) -> float:
        value = self._take(key, convert, default)
        self._into.part("gateway").put(key, value, self._place(key))
        return value

    def _take(self, key: str, convert: Callable[[object], Value], default: Default) -> Value | Default:
        for section in self.sections:
            if key in section:
                return section.take(key, convert, default)
        return default

    def _place(self, key: str) -> Place | None:
        return next((section.place(key) for section in self.sections if key in section), None)


def _sum(tries: int, timeout: float, base: float) -> int:
    """The seconds until a peer that does not answer is dead."""
    return max(1, min(round(sum(timeout * base**number for number in range(tries + 1))), 86_400))
