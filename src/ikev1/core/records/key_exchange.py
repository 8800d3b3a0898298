"""A Diffie-Hellman exchange in a large group, which the caller of the engine computes, so that it delays nothing else.

The message that needs it is held, as for the check of a certificate, and the action `ComputeSharedSecret` is returned.
After the answer, the message is processed as if it had just been received.
"""

from __future__ import annotations

from typing import NamedTuple

from ikev1.core.records.record import Record
from ikev1.errors import RemoteError


class SharedSecret(Record, frozen=True):
    """g^xy, and for a responder its own new public value."""

    public: bytes
    shared: bytes

    secret_fields = frozenset({"shared"})


class ComputeSharedSecret(NamedTuple):
    """Compute g^xy in ``group`` from the peer's ``public`` value, and ``private`` or, if that is empty, a new one;
    `Engine.answered` expects `SharedSecret`, or `Failed` if the public value is not valid.
    """

    request: int
    group: int
    private: bytes
    public: bytes

    def __repr__(self) -> str:
        """Without the private value."""
        return f"ComputeSharedSecret(request={self.request}, group={self.group})"


class NeedsSharedSecret(RemoteError):
    """The processing of a message requires ``wanted``, whose number is 0."""

    code = "shared-secret-needed"

    def __init__(self, wanted: ComputeSharedSecret) -> None:
        super().__init__("the Diffie-Hellman exchange is being computed")
        self.wanted = wanted
