"""Main Mode: six messages that agree on protection, exchange keys, and only then tell who is who (RFC 2409 §5)."""

from __future__ import annotations

from ikev1.core.phase1 import (
    accept_sa,
    answer_sa,
    choose_sa,
    establish,
    offer_sa,
    send_auth,
    send_ke,
    take_ke,
    verify_auth,
)
from ikev1.core.script import Row, Script
from ikev1.wire.registry import ExchangeType

__all__ = ["MAIN_MODE"]

MAIN_MODE = Script(
    "MM",
    ExchangeType.IDENTITY_PROTECTION,
    (
        #   from  RFC 2409 §5.4                build      check
        Row("i", "HDR, SA", offer_sa, choose_sa),
        Row("r", "HDR, SA", answer_sa, accept_sa),
        Row("i", "HDR, KE, Ni [, NAT-D]", send_ke, take_ke),
        Row("r", "HDR, KE, Nr [, NAT-D]", send_ke, take_ke),
        Row("i", "HDR*, IDii, HASH_I", send_auth, verify_auth),
        Row("r", "HDR*, IDir, HASH_R", send_auth, verify_auth),
    ),
    finish=establish,
)
