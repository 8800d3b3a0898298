"""SKEYID of a conversation, and the formulas of the key derivation (RFC 2409 §5, Appendix B)."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ikev1.capture.decrypt.conversation_keys import Secrets
from ikev1.capture.decrypt.phase1_values import PSK_METHODS
from ikev1.capture.records.report import Formula
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.exchange import Role
from ikev1.crypto import cipher, keymat
from ikev1.crypto.errors import CryptoError
from ikev1.wire.payloads import Hash
from ikev1.wire.registry import ProtocolId

_SECTION_5 = "RFC 2409 §5"

Inputs = Sequence[tuple[str, bytes]]


class Psk(NamedTuple):
    """A pre-shared key and the SKEYID computed from it; ``right`` is whether HASH_R verifies with it."""

    key: bytes
    SKEYID: bytes
    right: bool


def skeyid_of(conversation: TrackedConversation) -> bytes:
    """SKEYID; empty if unknown."""
    secrets = conversation.decryptor.secrets
    if secrets is not None and secrets.SKEYID:
        return secrets.SKEYID
    psk = psk_of(conversation)
    return b"" if psk is None else psk.SKEYID


def psk_of(conversation: TrackedConversation) -> Psk | None:
    """Find the pre-shared key of the key ring that verifies HASH_R of Aggressive Mode; the first key if none does.

    All other inputs of HASH_R are in the clear. In Main Mode, HASH_I and HASH_R are encrypted.
    """
    phase1, suite = conversation.phase1, conversation.phase1.suite
    answer = conversation.first("AM2")
    if suite is None or suite.authentication not in PSK_METHODS or len(phase1.nonces) < 2 or answer is None:
        return None
    sent = answer.message.first(Hash) if answer.message is not None else None
    found: Psk | None = None
    for key in conversation.key_ring.pre_shared_keys:
        try:
            SKEYID = keymat.SKEYID_psk(
                suite.hash, key.octets, phase1.nonces[Role.INITIATOR], phase1.nonces[Role.RESPONDER]
            )
            HASH_R = keymat.HASH_R(
                suite.hash,
                SKEYID,
                phase1.public.get(Role.INITIATOR, b""),
                phase1.public.get(Role.RESPONDER, b""),
                conversation.CKY_I,
                conversation.CKY_R,
                phase1.SAi_b,
                phase1.identity_body(Role.RESPONDER),
            )
        except CryptoError:
            return None
        if sent is not None and hmac.compare_digest(HASH_R, sent.data):
            return Psk(key.octets, SKEYID, right=True)
        found = found or Psk(key.octets, SKEYID, right=False)
    return found


def derivation(conversation: TrackedConversation) -> Iterator[Formula]:
    """Each formula of the key derivation whose inputs are known, from the secret to the encryption key."""
    phase1, secrets = conversation.phase1, conversation.decryptor.secrets
    Ni_b, Nr_b = phase1.nonces.get(Role.INITIATOR, b""), phase1.nonces.get(Role.RESPONDER, b"")
    psk = psk_of(conversation)
    if secrets is None:
        if psk is not None:
            yield _psk_formula(psk.key, Ni_b, Nr_b, psk.SKEYID)
        return
    if secrets.SKEYID:
        key = secrets.pre_shared_key or (psk.key if psk is not None and psk.SKEYID == secrets.SKEYID else b"")
        if key:
            yield _psk_formula(key, Ni_b, Nr_b, secrets.SKEYID)
        elif phase1.method not in PSK_METHODS and secrets.g_xy:
            inputs = (("Ni_b", Ni_b), ("Nr_b", Nr_b), ("g^xy", secrets.g_xy))
            yield formula_of("SKEYID", "prf(Ni_b | Nr_b, g^xy)", _SECTION_5, inputs, secrets.SKEYID)
    yield from _after_SKEYID(conversation, secrets)


def _after_SKEYID(conversation: TrackedConversation, secrets: Secrets) -> Iterator[Formula]:
    if secrets.SKEYID and secrets.g_xy and secrets.SKEYID_d and secrets.SKEYID_a and secrets.SKEYID_e:
        before: tuple[tuple[str, bytes], ...] = ()
        shared = (("g^xy", secrets.g_xy), ("CKY-I", conversation.CKY_I), ("CKY-R", conversation.CKY_R))
        for number, name in enumerate(("SKEYID_d", "SKEYID_a", "SKEYID_e")):
            octets = getattr(secrets, name)
            covered = (*before, *shared, (str(number), bytes((number,))))
            expression = f"prf(SKEYID, {' | '.join(each for each, _ in covered)})"
            yield formula_of(name, expression, _SECTION_5, (("SKEYID", secrets.SKEYID), *covered), octets)
            before = ((name, octets),)
    if secrets.SKEYID_e and secrets.encryption_key:
        whole = secrets.SKEYID_e.startswith(secrets.encryption_key)
        expression = (
            "the first octets of SKEYID_e" if whole else "K1 | K2 ..., K1 = prf(SKEYID_e, 0), K2 = prf(SKEYID_e, K1)"
        )
        covered = (("SKEYID_e", secrets.SKEYID_e),)
        yield formula_of("encryption key", expression, "RFC 2409 Appendix B", covered, secrets.encryption_key)
    public = conversation.phase1.public
    if secrets.encryption_key and len(public) == 2:
        g_xi, g_xr = public[Role.INITIATOR], public[Role.RESPONDER]
        iv = keymat.phase1_iv(secrets.hash, g_xi, g_xr, cipher.block_size(secrets.encryption))
        inputs = (("g^xi", g_xi), ("g^xr", g_xr))
        yield formula_of("first IV", "the first octets of hash(g^xi | g^xr)", "RFC 2409 Appendix B", inputs, iv)


def keymat_formulas(conversation: TrackedConversation, message_id: int) -> Iterator[Formula]:
    """KEYMAT of the SAs of a Quick Mode, if g(qm)^xy is known or not used."""
    secrets, quick = conversation.decryptor.secrets, conversation.quick_modes.get(message_id)
    if secrets is None or quick is None:
        return
    g_xy = next((agreed.octets for agreed in quick.agreed_secrets(conversation.key_ring) if agreed.certain), None)
    if g_xy is None:
        return
    for keys in quick.esp_keys(secrets, g_xy):
        covered = [("g(qm)^xy", g_xy)] if g_xy else []
        covered += [("protocol", bytes((ProtocolId.ESP,))), ("SPI", keys.keys.spi.to_bytes(4))]
        covered += [("Ni_b", quick.nonce("QM1")), ("Nr_b", quick.nonce("QM2"))]
        name = f"KEYMAT of SPI {keys.keys.spi:08x}"
        octets = keys.keys.encryption_key + keys.keys.integrity_key
        expression = f"prf(SKEYID_d, {' | '.join(each for each, _ in covered)}), expanded to the required length"
        inputs = (("SKEYID_d", secrets.SKEYID_d), *covered)
        yield formula_of(name, expression, "RFC 2409 §5.5", inputs, octets)


def _psk_formula(key: bytes, Ni_b: bytes, Nr_b: bytes, SKEYID: bytes) -> Formula:
    inputs = (("pre-shared-key", key), ("Ni_b", Ni_b), ("Nr_b", Nr_b))
    return formula_of("SKEYID", "prf(pre-shared-key, Ni_b | Nr_b)", _SECTION_5, inputs, SKEYID)


def formula_of(name: str, expression: str, source: str, inputs: Inputs, result: bytes) -> Formula:
    """A formula of the report, from the octets of its inputs and its result."""
    shown = tuple((each, octets.hex()) for each, octets in inputs)
    return Formula(name=name, expression=expression, source=source, inputs=shown, result=result.hex())
