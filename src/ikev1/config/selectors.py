"""Traffic selectors as users write them: protocols and services may have names, and IKEv1 has one port or all."""

from __future__ import annotations

import re
from socket import getprotobyname, getservbyname

_FORM = re.compile(r"([^\[\]]*)(?:\[([^/\]]*)(?:/([^\]]*))?\])?")
_ANY_PORT = ("", "any", "%any")
_ALL_PORTS = "0-65535"
_RANGE = re.compile(r"[0-9]+\s*-\s*[0-9]+")
_OWN_NAMES = ("any", "tcp", "udp", "icmp", "gre", "l2tp", "ipv6-icmp")  # of `Selector.parse`


def with_numbers(written: str) -> str:
    """A selector with the number of its service, and of a protocol that `Selector.parse` does not know by name.

    Raises:
        ValueError: the port is a range, or the name of no service.
    """
    form = _FORM.fullmatch(written.strip())
    if form is None or form[2] is None:
        return written
    protocol, port = form[2].strip().lower(), (form[3] or "").strip().lower()
    port = "any" if port == _ALL_PORTS else port
    if _RANGE.fullmatch(port):
        raise ValueError(
            f"{written!r}: {port} is a range, and IKEv1 negotiates one port or all of them: charon requests the first "
            "one only, and leaves the others unprotected; write one port, or none for all"
        )
    if protocol and not protocol.isdigit() and protocol not in _OWN_NAMES:
        try:
            protocol = str(getprotobyname(protocol))
        except OSError:
            return written  # reported by the parser
    if not port.isdigit() and port not in _ANY_PORT:
        try:
            port = str(getservbyname(port, protocol if protocol in ("tcp", "udp") else "tcp"))
        except OSError:
            raise ValueError(
                f"{written!r}: {port!r} is no port: expected one number or the name of a service"
            ) from None
    return f"{form[1].strip()}[{protocol}/{port}]" if port else f"{form[1].strip()}[{protocol}]"
