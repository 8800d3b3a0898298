"""Bodies of payloads that are encrypted on their own, with RSA or with a cipher keyed by a nonce (RFC 2409 §5.2, §5.3).

Whoever can send us ciphertexts and tell those that decrypt to something well-formed from those that do not can decrypt
what was meant for us, with RSA (Bleichenbacher, 1998) as with CBC (Vaudenay, 2002). So nothing here says that a padding
was wrong: what comes out then is something that nobody can predict, and the exchange fails when it is authenticated.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ikev1.crypto import keymat
from ikev1.crypto.cipher import Cipher, block_size, key_size
from ikev1.crypto.errors import InvalidCiphertext
from ikev1.crypto.hashes import prf
from ikev1.crypto.signatures import PrivateKey, PublicKey, UnsuitableKey
from ikev1.errors import LocalError

_PKCS1_OVERHEAD = 11  # octets; RFC 8017 §7.2.1: the message has at most k - 11


class BodyTooLong(LocalError):
    """A body is longer than one RSA operation takes, and RFC 2409 §5.2 knows no other."""

    code = "body-too-long"


# --- RSA ------------------------------------------------------------------------------------------------------------


def encrypts(key: PublicKey) -> bool:
    """Whether anything can be encrypted with this key, and decrypted with the private key to it."""
    return isinstance(key, rsa.RSAPublicKey)


def longest_body(key: PublicKey) -> int:
    """How many octets one operation with this RSA key encrypts."""
    return (key.key_size + 7) // 8 - _PKCS1_OVERHEAD


def encrypt(key: PublicKey, body: bytes) -> bytes:
    """``<body>PubKey``: "RSA encryption MUST be encoded in PKCS #1 format" (RFC 2409 §5.2).

    Raises:
        UnsuitableKey: the key is not RSA.
        BodyTooLong: the key's modulus is too small for it.
    """
    if not isinstance(key, rsa.RSAPublicKey):
        raise UnsuitableKey("only an RSA key can encrypt")
    most = longest_body(key)
    if len(body) > most:
        raise BodyTooLong(
            f"the body has {len(body)} octets, but an RSA key of {key.key_size} bits encrypts at most {most}"
        )
    return key.encrypt(body, padding.PKCS1v15())


def decrypt(key: PrivateKey, ciphertext: bytes) -> bytes:
    """What `encrypt` encrypted; octets that follow from key and ciphertext in a way that nobody else can tell, and that
    may have any length, if the padding is wrong.

    Raises:
        UnsuitableKey: the key is not RSA.
        InvalidCiphertext: its length is not that of the modulus, which is no secret.
    """
    if not isinstance(key, rsa.RSAPrivateKey):
        raise UnsuitableKey("only an RSA key can decrypt")
    size = (key.key_size + 7) // 8
    if len(ciphertext) != size:
        raise InvalidCiphertext(f"RSA ciphertext has {len(ciphertext)} octets, expected {size}")
    try:
        return key.decrypt(ciphertext, padding.PKCS1v15())
    except ValueError:  # an OpenSSL before 3.2, or one that was built without its own implicit rejection
        return stand_in(key, ciphertext)


def stand_in(key: PrivateKey, ciphertext: bytes) -> bytes:
    """32 octets to go on with in place of a body that is of no use: always the same for the same ciphertext, for a body
    that changes would tell that it is none.
    """
    secret = hashlib.sha256(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).digest()
    return hmac.digest(secret, ciphertext, "sha256")


# --- a cipher keyed by a nonce --------------------------------------------------------------------------------------


def body_cipher(hash: int, encryption: int, key_length: int, N_b: bytes, CKY: bytes) -> BodyCipher:
    """What encrypts and decrypts under Ke_i (of Ni_b and CKY-I) or Ke_r (of Nr_b and CKY-R), RFC 2409 §5.3.

    Raises:
        UnsupportedAlgorithm: a number names nothing that is known here.
        WeakKey: the nonce gives a key that the cipher must not have.
    """
    Ne = prf(hash, N_b, CKY)  # Ne_i = prf(Ni_b, CKY-I), Ne_r = prf(Nr_b, CKY-R)
    # "taken from Ne_i and Ne_r respectively in the manner described in Appendix B": K1 = prf(Ne_i, 0), ...
    Ke = keymat.encryption_key(hash, Ne, key_size(encryption, key_length))
    # Not from the cache of ciphers: "Ne_i, Ne_r, Ke_i, and Ke_r are all ephemeral and MUST be discarded after use"
    return BodyCipher(Cipher(encryption, Ke), block_size(encryption))


class BodyCipher:
    """The bodies of one message, one after the other."""

    def __init__(self, cipher: Cipher, block_size: int) -> None:
        self._cipher = cipher
        self._block_size = block_size
        self._iv = bytes(block_size)  # "The IV for encrypting the first payload following the nonce is set to 0 (zero)"

    def encrypt(self, body: bytes) -> bytes:
        """``<body>Ke``, padded; there is always padding."""
        # "All padding bytes, except for the last one, contain 0x00. The last byte of the padding contains the number of
        # the padding bytes used, excluding the last one"
        zeros = -(len(body) + 1) % self._block_size
        ciphertext = self._cipher.encrypt(self._iv, body + bytes(zeros) + bytes((zeros,)))
        self._iv = ciphertext[-self._block_size :]  # "the last ciphertext block of the previous payload"
        return ciphertext

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The body without its padding; all that was decrypted if there is no padding as `encrypt` makes it.

        Raises:
            InvalidCiphertext: the ciphertext is empty or not in whole blocks.
        """
        padded = self._cipher.decrypt(self._iv, ciphertext)
        self._iv = ciphertext[-self._block_size :]
        zeros = padded[-1]
        added = bytes(zeros) + bytes((zeros,))
        sound = zeros < self._block_size and hmac.compare_digest(padded[-len(added) :], added)
        return padded[: -len(added)] if sound else padded
