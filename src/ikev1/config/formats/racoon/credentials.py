"""Certificates, in the folder that ``path certificate`` names."""

from __future__ import annotations

import re
from pathlib import Path

from ikev1.config.findings import Rule
from ikev1.config.formats.racoon.options import Block
from ikev1.config.formats.written import Part

_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")  # the names by which OpenSSL finds CAs


def write_certificates(block: Block, folder: Path, part: Part, *, of_us: bool) -> None:
    """Write which certificates are used and trusted; ``of_us``: this end has one of its own."""
    own = block.one("certificate_type")
    if own is not None and own.values[:1] == ("x509",) and len(own.values) == 3:
        part.put("certificate", str(folder / own.values[1]), own.place)
        part.put("private_key", str(folder / own.values[2]), own.place)
    elif own is not None:
        text = "is not supported: expected x509, a certificate and a private key; convert the key to PEM"
        block.reports.error(own.place, Rule.NOT_SUPPORTED, text)
    elif of_us:
        block.reports.error(block.place, Rule.MISSING_KEY, "requires certificate_type")
    peers = block.one("peers_certfile")
    if peers is not None:
        kind, *names = peers.values or ("",)
        if kind == "x509" and names:
            part.put("peer_certificate", [str(folder / names[0])], peers.place)
        elif kind == "plain_rsa" and names:
            part.put("peer_public_key", str(folder / names[0]), peers.place)
        else:
            text = "is not supported: expected x509 or plain_rsa, and a file"
            block.reports.error(peers.place, Rule.NOT_SUPPORTED, text)
    authority = block.one("ca_type")
    if authority is not None and authority.values[:1] == ("x509",) and len(authority.values) == 2:
        part.put("ca", [str(folder / authority.values[1])], authority.place)
    elif authority is not None:
        block.reports.error(authority.place, Rule.NOT_SUPPORTED, "is not supported: expected x509 and a file")
    elif peers is None:
        hashed = sorted(str(each) for each in folder.glob("*.*") if _HASHED.fullmatch(each.name))
        if hashed:
            part.put("ca", hashed, block.place)
