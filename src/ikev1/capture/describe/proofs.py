"""Verification of HASH and signature payloads, with the formulas that compute them (RFC 2409 §5)."""

from __future__ import annotations

import hmac
from typing import NamedTuple

from ikev1.capture.decrypt.phase1_values import PSK_METHODS
from ikev1.capture.describe.skeyid import Inputs, formula_of, skeyid_of
from ikev1.capture.records.message_record import MessageRecord
from ikev1.capture.records.report import Check, Formula
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.core.records.exchange import Role
from ikev1.core.records.methods import ENCRYPTING
from ikev1.crypto import certificates, keymat, public_keys, signatures
from ikev1.crypto.errors import CryptoError
from ikev1.wire.payloads import Certificate, Hash, Signature
from ikev1.wire.registry import CertificateEncoding


class Proof(NamedTuple):
    """The result of a verification; ``formula`` is None if it could not be computed."""

    check: Check
    formula: Formula | None = None


def proofs(conversation: TrackedConversation, record: MessageRecord) -> list[Proof]:
    """Verify the HASH or signature payload of a readable message."""
    message = record.message
    assert message is not None
    if (found := message.first(Hash)) is not None:
        if record.in_phase_1:
            return [_phase1_hash(conversation, record, found.data)]
        return [_phase2_hash(conversation, record, found.data)]
    if (signature := message.first(Signature)) is not None and record.in_phase_1:
        return [_signature(conversation, record, signature.data)]
    return []


def _unknown(name: str, text: str) -> Proof:
    return Proof(Check(name=name, right=None, text=text))


def _judged(formula: Formula, found: bytes, right: str, wrong: str) -> Proof:
    same = hmac.compare_digest(bytes.fromhex(formula.result), found)
    return Proof(Check(name=formula.name, right=same, text=right if same else wrong), formula)


# --- HASH_I and HASH_R


def _phase1_hash(conversation: TrackedConversation, record: MessageRecord, found: bytes) -> Proof:
    name = "HASH_I" if record.sender is Role.INITIATOR else "HASH_R"
    if conversation.phase1.method in ENCRYPTING and not record.encrypted and record.label != "AM2":
        return _unknown("HASH(1)", "the hash of a certificate that is not in this message")
    formula = _phase1_formula(conversation, record)
    if isinstance(formula, str):
        return _unknown(name, formula)
    whose = f"the {record.sender}"
    if conversation.phase1.method in PSK_METHODS:
        right = f"{whose} knows the pre-shared key, and confirms these proposals, public values and this identity"
        wrong = f"{whose} has a different pre-shared key than the one given, or the message was modified"
    else:
        right = f"{whose} knows SKEYID, and confirms these proposals, public values and this identity"
        wrong = f"{whose} computed it from other values than those in the capture"
    return _judged(formula, found, right, wrong)


def _phase1_formula(conversation: TrackedConversation, record: MessageRecord) -> Formula | str:
    """The formula for the HASH_I or HASH_R of the sender of ``record``, or a text that names the missing inputs."""
    phase1 = conversation.phase1
    suite, SKEYID = phase1.suite, skeyid_of(conversation)
    first, second = record.sender, Role.RESPONDER if record.sender is Role.INITIATOR else Role.INITIATOR
    missing = [
        what
        for what, there in (
            ("the selected proposal", suite is not None),
            ("SKEYID", bool(SKEYID)),
            ("the initiator's SA payload", bool(phase1.SAi_b)),
            ("both public values", len(phase1.public) == 2),
            ("the identity", bool(phase1.identity_body(record.sender))),
        )
        if not there
    ]
    if missing or suite is None:
        return f"cannot be checked without {', '.join(missing)}"
    try:
        algorithm = signatures.hash_of(suite.authentication) or suite.hash
        initiator = record.sender is Role.INITIATOR
        compute = keymat.HASH_I if initiator else keymat.HASH_R
        g_xi, g_xr = phase1.public[Role.INITIATOR], phase1.public[Role.RESPONDER]
        identity = phase1.identity_body(record.sender)
        result = compute(algorithm, SKEYID, g_xi, g_xr, conversation.CKY_I, conversation.CKY_R, phase1.SAi_b, identity)
    except CryptoError as error:
        return str(error)
    cookies = {Role.INITIATOR: ("CKY-I", conversation.CKY_I), Role.RESPONDER: ("CKY-R", conversation.CKY_R)}
    values = {Role.INITIATOR: ("g^xi", g_xi), Role.RESPONDER: ("g^xr", g_xr)}
    inputs = [
        ("SKEYID", SKEYID),
        values[first],
        values[second],
        cookies[first],
        cookies[second],
        ("SAi_b", phase1.SAi_b),
        ("IDii_b" if initiator else "IDir_b", identity),
    ]
    expression = f"prf(SKEYID, {' | '.join(name for name, _ in inputs[1:])})"
    return formula_of("HASH_I" if initiator else "HASH_R", expression, "RFC 2409 §5", inputs, result)


# --- signatures


def _signature(conversation: TrackedConversation, record: MessageRecord, signature: bytes) -> Proof:
    name = "SIG_I" if record.sender is Role.INITIATOR else "SIG_R"
    formula = _phase1_formula(conversation, record)
    keys = _certified_keys(record)
    if not keys:
        return _unknown(name, "cannot be checked: the message carries no certificate with a signing key")
    if isinstance(formula, str):
        return _unknown(name, formula)
    method = conversation.phase1.method
    for key in keys:
        try:
            signatures.verify(method, key, bytes.fromhex(formula.result), signature)
        except CryptoError as error:
            reason = str(error)
        else:
            text = "verified with the certificate in the message; the certificate itself is not validated"
            return Proof(Check(name=name, right=True, text=text), formula)
    return Proof(Check(name=name, right=False, text=reason), formula)


def _certified_keys(record: MessageRecord) -> list[signatures.PublicKey]:
    assert record.message is not None
    found = []
    for certificate in record.message.all(Certificate):
        if certificate.encoding == CertificateEncoding.X509_SIGNATURE:
            try:
                found.append(public_keys.load(certificates.public_key(certificate.data)))
            except ValueError:
                continue
    return found


# --- HASH(1), HASH(2), HASH(3)


def _phase2_hash(conversation: TrackedConversation, record: MessageRecord, found: bytes) -> Proof:
    name = {"QM2": "HASH(2)", "QM3": "HASH(3)"}.get(record.label, "HASH(1)")
    secrets = conversation.decryptor.secrets
    if record.first_block_lost:
        return _unknown(
            name, "cannot be checked: its first block could not be decrypted, because the previous message is missing"
        )
    if secrets is None or not secrets.SKEYID_a:
        return _unknown(name, "cannot be checked without SKEYID_a, which the encryption key alone does not reveal")
    assert record.message is not None
    quick = conversation.quick_modes.get(record.header.message_id)
    Ni_b, Nr_b = (quick.nonce("QM1"), quick.nonce("QM2")) if quick is not None else (b"", b"")
    if (name != "HASH(1)" and not Ni_b) or (name == "HASH(3)" and not Nr_b):
        return _unknown(name, "cannot be checked: it covers a nonce that is missing from the capture")
    message_id, rest = record.header.message_id, record.message.after_first
    SKEYID_a = ("SKEYID_a", secrets.SKEYID_a)
    M_ID = ("M-ID", message_id.to_bytes(4))
    inputs: Inputs
    if name == "HASH(1)":
        result = keymat.HASH_1(secrets.hash, secrets.SKEYID_a, message_id, rest)
        inputs = (SKEYID_a, M_ID, ("the rest of the message", rest))
    elif name == "HASH(2)":
        result = keymat.HASH_2(secrets.hash, secrets.SKEYID_a, message_id, Ni_b, rest)
        inputs = (SKEYID_a, M_ID, ("Ni_b", Ni_b), ("the rest of the message", rest))
    else:
        result = keymat.HASH_3(secrets.hash, secrets.SKEYID_a, message_id, Ni_b, Nr_b)
        inputs = (SKEYID_a, ("0", b"\0"), M_ID, ("Ni_b", Ni_b), ("Nr_b", Nr_b))
    source = "RFC 2409 §5.7" if record.label == "INFO" else "RFC 2409 §5.5"
    expression = f"prf({inputs[0][0]}, {' | '.join(each for each, _ in inputs[1:])})"
    formula = formula_of(name, expression, source, inputs, result)
    right = f"the {record.sender} knows SKEYID_a, and the message was not modified"
    return _judged(formula, found, right, "the message was modified, or its sender does not know SKEYID_a")
