"""The configuration of xl2tpd (xl2tpd.conf(5)) and the options of pppd (pppd(8)) for one client connection."""

from __future__ import annotations

from pathlib import Path

LONGEST = 255
"""The largest number of octets of a user name or password that pppd accepts (MAXNAMELEN, MAXSECRETLEN)."""

# 1500 octets hold IP, UDP, ESP (AES-CBC, HMAC-SHA2-256), UDP, L2TP, PPP and 1400 octets
_OPTIONS = """\
noauth
nodetach
hide-password
ipcp-accept-local
ipcp-accept-remote
noipdefault
nodefaultroute
noipv6
noccp
nobsdcomp
nodeflate
novj
mtu 1400
mru 1400
lcp-echo-interval 30
lcp-echo-failure 4
refuse-eap
"""
# everybody who knows the pre-shared key can pose as the gateway: these would give the password away
_REFUSED = """\
refuse-pap
refuse-mschap
"""


def pppd_options(
    user: bytes, password: bytes, interface: str, log: Path, *, allow_weak: bool, install_dns: bool
) -> bytes:
    """The options of pppd: user, password, the name of the interface, and the file for messages.

    With ``allow_weak``, PAP and MS-CHAP version 1 are accepted. With ``install_dns``, pppd asks for name servers, and
    its scripts use them.
    """
    lines = [_OPTIONS.encode(), b"" if allow_weak else _REFUSED.encode()]
    lines += [b"usepeerdns\n"] if install_dns else []
    lines += [b"user %s\npassword %s\n" % (_quoted(user), _quoted(password))]
    lines += [f"ifname {interface}\nlogfile {log}\nipparam ikev1\n".encode()]
    return b"".join(lines)


def xl2tpd_configuration(gateway: str, local: str, port: int, options: Path) -> str:
    """The configuration of xl2tpd: it calls the address ``gateway`` from ``port`` of the address ``local``, once."""
    return f"""\
[global]
listen-addr = {local}
port = {port}
access control = yes
auth file = /dev/null

[lac gateway]
lns = {gateway}
autodial = yes
redial = no
require authentication = no
pppoptfile = {options}
"""


def _quoted(text: bytes) -> bytes:
    """A word of pppd's options: letters and digits as they are, other octets as three octal digits."""
    return b'"%s"' % b"".join(b"%c" % octet if chr(octet) in _PLAIN else b"\\%03o" % octet for octet in text)


_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
