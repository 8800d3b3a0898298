"""Certificates, and requests for them (RFC 2408 §3.9, §3.10)."""

from __future__ import annotations

from typing import NamedTuple

from ikev1.wire.layout import Rest, UInt8


class Certificate(NamedTuple):
    """Certificate payload (RFC 2408 §3.9): ``data`` as ``encoding`` (`CertificateEncoding`) says."""

    encoding: UInt8
    data: Rest


class CertificateRequest(NamedTuple):
    """Certificate Request payload (RFC 2408 §3.10): for X.509, ``authority`` is a DER distinguished name, or empty."""

    encoding: UInt8
    authority: Rest
