"""Stateless answers to message 1 of Main Mode.

A peer sends the same first message every time: the cookie differs, the SA payload and the vendor IDs do not. The answer
to a first message is therefore cached by the octets of that message, once for all initiators that send it, and no state
is kept per initiator. CKY-R contains the index of the cached answer and a keyed hash, which proves at message 3 that
this gateway recently sent the answer to this address, port and CKY-I: a peer that did not receive message 2 cannot know
the hash. RFC 2408 §2.5.3 requires of a cookie that "it must not be possible for anyone other than the issuing entity to
generate cookies that will be accepted by that entity", and that its generation is fast.

A flood of first messages therefore takes no memory, and cannot displace a peer whose exchange is in progress. Only a
first message that was not seen before takes an entry in the cache, and an unproven answer never displaces a proven one,
to which a peer has sent message 3.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from hashlib import blake2s

from ikev1.core.records.exchange import Exchange
from ikev1.core.records.ike_sa import IkeSa
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import Record, replace

_SLOT = 32  # seconds per time slot; a cookie is accepted in its slot and in the next one
_CAPACITY = 4096  # cached answers, proven and unproven each
_INDEX_OCTETS = 2
_SPENT = 65_536  # pairs of cookies; each cost the peer a round trip and this gateway a Diffie-Hellman exchange


class CachedReply(Record, frozen=True):
    """The cached answer to a first message: an SA without a peer, and the payloads of message 2."""

    index: int
    key: tuple[int, tuple[str, ...], bytes]
    template: IkeSa
    first_payload: int
    chain: bytes
    serial: int


Dumped = tuple[bytes, int, tuple[CachedReply, ...], tuple[CachedReply, ...], tuple[tuple[bytes, int], ...]]
"""The secret, the last serial number, the unproven answers, the proven answers, and the spent cookies."""


class FirstMessages:
    """The cached answers, and the cookies that refer to them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._serial = 0
        self._next_index = 0
        self._unproven: OrderedDict[tuple[int, tuple[str, ...], bytes], CachedReply] = OrderedDict()
        self._proven: OrderedDict[tuple[int, tuple[str, ...], bytes], CachedReply] = OrderedDict()
        self._by_index: dict[int, CachedReply] = {}
        self._spent: dict[bytes, int] = {}  # time slot by cookies that were used for an SA, oldest first

    def recall(self, key: tuple[int, tuple[str, ...], bytes]) -> CachedReply | None:
        """Return the answer cached for ``key``: generation of the settings, candidate connections, octets."""
        return self._proven.get(key) or self._unproven.get(key)

    def keep(
        self, key: tuple[int, tuple[str, ...], bytes], template: IkeSa, first_payload: int, chain: bytes
    ) -> CachedReply:
        """Cache an answer; if the cache is full, it displaces the oldest unproven answer."""
        if len(self._unproven) >= _CAPACITY:
            _, oldest = self._unproven.popitem(last=False)
            del self._by_index[oldest.index]
        while self._next_index in self._by_index:
            self._next_index = (self._next_index + 1) % 65536
        self._serial += 1
        answer = CachedReply(self._next_index, key, template, first_payload, chain, self._serial)
        self._next_index = (self._next_index + 1) % 65536
        self._unproven[key] = self._by_index[answer.index] = answer
        return answer

    def cookie(self, answer: CachedReply, CKY_I: bytes, path: UdpPath, now: float) -> bytes:
        """Return CKY-R for a peer to which ``answer`` is sent."""
        return answer.index.to_bytes(_INDEX_OCTETS) + self._mac(answer, CKY_I, path, int(now // _SLOT))

    def recognise(self, CKY_I: bytes, CKY_R: bytes, path: UdpPath, now: float) -> CachedReply | None:
        """Return the answer that was sent to this peer with this CKY-R.

        Return None if there was none, if the cookie has expired, or if it was used for an SA: a replay of the first
        messages does not create another SA after that one has ended.
        """
        if CKY_I + CKY_R in self._spent:
            return None
        answer = self._by_index.get(int.from_bytes(CKY_R[:_INDEX_OCTETS]))
        if answer is None:
            return None
        slot = int(now // _SLOT)
        for candidate in (slot, slot - 1):
            if hmac.compare_digest(CKY_R[_INDEX_OCTETS:], self._mac(answer, CKY_I, path, candidate)):
                self._prove(answer)
                return answer
        return None

    def _prove(self, answer: CachedReply) -> None:
        if answer.key in self._proven:
            self._proven.move_to_end(answer.key)
            return
        del self._unproven[answer.key]
        if len(self._proven) >= _CAPACITY:
            _, oldest = self._proven.popitem(last=False)
            del self._by_index[oldest.index]
        self._proven[answer.key] = answer

    def spend(self, cookies: bytes, now: float) -> None:
        """Record that an SA was created with these cookies, so that `recognise` rejects them until they expire."""
        slot = int(now // _SLOT)
        self._spent[cookies] = slot
        oldest = next(iter(self._spent))
        while self._spent[oldest] < slot - 1 or len(self._spent) > _SPENT:
            del self._spent[oldest]
            oldest = next(iter(self._spent))

    def kept_cookies(self, CKY_I: bytes, path: UdpPath, now: float) -> tuple[bytes, bytes]:
        """Return CKY-R for a peer whose SA exists from its first message on, for the current time slot and the previous
        one. The peer has the latter if it initiated shortly before. The same message gets another CKY-R later.
        """
        said = f" kept {path.local_host} {path.local_port} {path.remote_host} {path.remote_port}".encode()
        slot = int(now // _SLOT)
        return self._kept_cookie(CKY_I, slot, said), self._kept_cookie(CKY_I, slot - 1, said)

    def _kept_cookie(self, CKY_I: bytes, slot: int, said: bytes) -> bytes:
        return blake2s(CKY_I + slot.to_bytes(8, signed=True) + said, digest_size=8, key=self._secret).digest()

    def _mac(self, answer: CachedReply, CKY_I: bytes, path: UdpPath, slot: int) -> bytes:
        said = f"{answer.serial} {slot} {path.local_host} {path.local_port} {path.remote_host} {path.remote_port}"
        return blake2s(CKY_I + said.encode(), digest_size=8 - _INDEX_OCTETS, key=self._secret).digest()

    def dump(self) -> Dumped:
        """Return the complete contents, for `load` in another process."""
        unproven, proven = tuple(self._unproven.values()), tuple(self._proven.values())
        return self._secret, self._serial, unproven, proven, tuple(self._spent.items())

    @classmethod
    def load(
        cls,
        secret: bytes,
        serial: int,
        unproven: tuple[CachedReply, ...],
        proven: tuple[CachedReply, ...],
        spent: tuple[tuple[bytes, int], ...],
    ) -> FirstMessages:
        """Restore the contents that `dump` returned."""
        loaded = cls(secret)
        loaded._serial = serial
        loaded._spent = dict(spent)
        for kept, answers in ((loaded._unproven, unproven), (loaded._proven, proven)):
            for answer in answers:
                kept[answer.key] = loaded._by_index[answer.index] = answer
        return loaded


def sa_from(
    answer: CachedReply,
    unique_id: int,
    path: UdpPath,
    CKY_I: bytes,
    CKY_R: bytes,
    now: float,
    phase1: Exchange | None = None,
) -> IkeSa:
    """Return the SA of a peer that answered ``answer`` with message 3, in its state before that message; ``phase1`` is
    its exchange, by default that of the template.
    """
    return replace(
        answer.template,
        unique_id=unique_id,
        path=path,
        CKY_I=CKY_I,
        CKY_R=CKY_R,
        created_at=now,
        phase1=phase1 or answer.template.phase1,
    )
