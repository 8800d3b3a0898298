"""The key of one encrypted message, and suites by name."""

from __future__ import annotations

from ikev1.core.negotiation import ipsec_suite
from ikev1.core.records.child_sa import IpsecSuite
from ikev1.core.records.ike_sa import IkeSa, Phase1Suite
from ikev1.core.records.record import Record, replace
from ikev1.crypto import cipher, keymat
from ikev1.crypto.suites import ike_name, parse_ike_proposal
from ikev1.library.translate_errors import Misuse, of_caller
from ikev1.wire.registry import AuthenticationMethod


def suite(text: str, authentication: int = AuthenticationMethod.PRE_SHARED_KEY) -> Phase1Suite:
    """The phase 1 suite written in strongSwan's notation, such as ``aes256-sha256-modp2048``, in the numbers of
    RFC 2409 Appendix A.

    Raises:
        LocalError: a word is unknown, or the cipher, the hash or the group is missing.
    """
    with of_caller("suite"):
        return Phase1Suite(*parse_ike_proposal(text), authentication)


def suite_name(suite: Phase1Suite | IpsecSuite) -> str:
    """The suite in strongSwan's notation, such as ``aes256-sha256-modp2048`` or ``aes256gcm16``; ``AH `` stands before
    one of AH. A number without a name there goes by its registered name.
    """
    if isinstance(suite, Phase1Suite):
        return ike_name(suite.encryption, suite.key_length, suite.hash, suite.group)
    return ipsec_suite.name(suite)


class Phase1(Record, frozen=True):
    """What encrypts one ISAKMP message (RFC 2409 Appendix B): the suite of phase 1, SKEYID_e and the IV.

    ``SKEYID_e`` may also be the key that was made of it, as `ikev1.events.IkeUp.sa.keys.encryption_key` has it. The IV
    is one block of the cipher; `ikev1.keys.phase1_iv` and `ikev1.keys.phase2_iv` give that of the first encrypted
    message of an exchange, `after` that of each later one.
    """

    suite: Phase1Suite
    SKEYID_e: bytes
    iv: bytes

    secret_fields = frozenset({"SKEYID_e"})

    @classmethod
    def of(cls, sa: IkeSa, message_id: int) -> Phase1:
        """The key of the first message of the exchange ``message_id`` (not 0) under an established ISAKMP SA.

        Raises:
            LocalError: the SA has no keys yet, or ``message_id`` is 0, that of phase 1.
        """
        if sa.keys is None or sa.chosen is None or not message_id:
            raise Misuse("Phase1.of needs an ISAKMP SA with keys, such as IkeUp.sa, and a message ID other than 0")
        chosen, keys = sa.chosen.suite, sa.keys
        block_size = cipher.block_size(chosen.encryption)
        iv = keymat.phase2_iv(chosen.hash, keys.last_block, message_id, block_size)
        return cls(chosen, keys.encryption_key, iv)

    def after(self, ciphertext: bytes) -> Phase1:
        """The key of the message that follows, in the same exchange, the one with this ciphertext: the IV is its last
        block.
        """
        following: Phase1 = replace(self, iv=ciphertext[-cipher.block_size(self.suite.encryption) :])
        return following

    def encrypt(self, plaintext: bytes) -> bytes:
        """The ciphertext of ``plaintext`` padded with zeros to whole blocks.

        Raises:
            LocalError: the suite is not implemented, the IV is not one block, or there is no plaintext.
        """
        with of_caller("encrypt"):
            context = self._cipher()
            return context.encrypt(self.iv, cipher.pad(plaintext, context.block_size))

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The plaintext, padding included.

        Raises:
            LocalError: the suite is not implemented, or the IV is not one block.
            ikev1.crypto.errors.InvalidCiphertext: the ciphertext is not in whole blocks.
        """
        with of_caller("decrypt"):
            context = self._cipher()
            if len(self.iv) != context.block_size:
                raise ValueError(f"the IV has {len(self.iv)} octets: expected one block, {context.block_size}")
        return context.decrypt(self.iv, ciphertext)

    def _cipher(self) -> cipher.Cipher:
        size = cipher.key_size(self.suite.encryption, self.suite.key_length)
        return cipher.cbc(self.suite.encryption, keymat.encryption_key(self.suite.hash, self.SKEYID_e, size))
