"""Question ``group``: the Diffie-Hellman group, and the prime and generator or the curve that it stands for."""

from __future__ import annotations

from ikev1.capture.decrypt.suites import group_name, phase1_suite
from ikev1.capture.describe.answers.quick_mode_sentences import quick_mode_sentences
from ikev1.capture.describe.outcome import is_agreed
from ikev1.capture.records.report import Answer
from ikev1.capture.track.conversation import TrackedConversation
from ikev1.crypto.modp_numbers import OAKLEY_PRIMES, RFC_5114
from ikev1.wire.registry import Group

_TITLE = "Which Diffie-Hellman group was used, and what are p and g?"
_SHOWN = 16  # octets of each end of p

_SOURCES: dict[int, str] = {
    Group.MODP_768: "RFC 2409 §6.1",
    Group.MODP_1024: "RFC 2409 §6.2",
    Group.MODP_1536: "RFC 3526 §2",
    Group.MODP_2048: "RFC 3526 §3",
    Group.MODP_3072: "RFC 3526 §4",
    Group.MODP_4096: "RFC 3526 §5",
    Group.MODP_6144: "RFC 3526 §6",
    Group.MODP_8192: "RFC 3526 §7",
    Group.MODP_1024_160: "RFC 5114 §2.1",
    Group.MODP_2048_224: "RFC 5114 §2.2",
    Group.MODP_2048_256: "RFC 5114 §2.3",
}
_CURVES: dict[int, str] = {
    Group.ECP_192: "the NIST curve P-192 (RFC 5114 §2.4)",
    Group.ECP_224: "the NIST curve P-224 (RFC 5114 §2.5)",
    Group.ECP_256: "the NIST curve P-256 (RFC 5903 §3.1)",
    Group.ECP_384: "the NIST curve P-384 (RFC 5903 §3.2)",
    Group.ECP_521: "the NIST curve P-521 (RFC 5903 §3.3)",
    Group.BRAINPOOL_224: "the curve brainpoolP224r1 (RFC 6932)",
    Group.BRAINPOOL_256: "the curve brainpoolP256r1 (RFC 6932)",
    Group.BRAINPOOL_384: "the curve brainpoolP384r1 (RFC 6932)",
    Group.BRAINPOOL_512: "the curve brainpoolP512r1 (RFC 6932)",
    Group.CURVE_25519: "Curve25519 (RFC 7748), with the group number of IKEv2",
    Group.CURVE_448: "Curve448 (RFC 7748), with the group number of IKEv2",
}


def which_group(conversation: TrackedConversation) -> Answer | None:
    """The group of phase 1, and the groups of decrypted Quick Modes."""
    phase1 = conversation.phase1
    if phase1.offer is None and phase1.response is None:
        return None
    frames = [record.frame for record in (phase1.offer, phase1.response) if record is not None]
    if phase1.suite is None or not phase1.suite.group or not is_agreed(conversation):
        groups = dict.fromkeys(phase1_suite(transform).group for transform in phase1.offered)
        names = ", ".join(group_name(number) for number in groups if number)
        text = f"No group was selected in this capture. Offered: {names or 'no group number'}."
        return Answer(question="group", title=_TITLE, text=text, frames=tuple(frames), codes=("not-selected",))
    words = group_words(phase1.suite.group)
    if phase1.suite.group in _CURVES:
        sent = "identifies the curve, which is never sent. The public values are points on it."
    else:
        sent = "identifies p and g, which are never sent. The public values are g^x mod p."
    parts = [f"{words[0].upper()}{words[1:]}.", f"The group number, attribute 4 of the proposal, {sent}"]
    codes = ["selected"]
    with_group = [quick for quick in conversation.quick_modes.values() if quick.group]
    parts += quick_mode_sentences(
        (quick.message_id, f"a separate Diffie-Hellman exchange in {group_name(quick.group)}.") for quick in with_group
    )
    frames += [quick.messages["QM2"].frame for quick in with_group]
    codes += ["pfs-group"] if with_group else []
    if conversation.first("NGM1") is not None:
        parts.append("New Group Mode sends the parameters of a group explicitly, encrypted.")
        codes.append("new-group")
    return Answer(question="group", title=_TITLE, text=" ".join(parts), frames=tuple(frames), codes=tuple(codes))


def group_words(number: int) -> str:
    """A group and its parameters, in words."""
    if number in OAKLEY_PRIMES:
        return f"{group_name(number)}: g = 2, {_prime_words(OAKLEY_PRIMES[number].prime(), number)}"
    if number in RFC_5114:
        p, g, q = RFC_5114[number]
        return (
            f"{group_name(number)}: g is a {g.bit_length()}-bit number, {_cut(g)}, that generates a subgroup of "
            f"{q.bit_length()}-bit prime order; {_prime_words(p, number)}"
        )
    if number in _CURVES:
        return f"{group_name(number)}: {_CURVES[number]}; its base point takes the role of g"
    return f"{group_name(number)}, an unknown group"


def _prime_words(p: int, number: int) -> str:
    return f"p is the {p.bit_length()}-bit prime {_cut(p)} ({_SOURCES[number]})"


def _cut(number: int) -> str:
    text = f"{number:x}"
    return f"{text[: 2 * _SHOWN]}...{text[-2 * _SHOWN :]}"
