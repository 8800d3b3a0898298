"""Answering message 1 of Main Mode without remembering who sent it.

Real peers send the same first message again and again: the cookie differs, the SA payload and the vendor IDs do not. So
what was chosen for a first message is kept by its octets, once for all who send it, and nothing is kept for the one who
sent it. CKY-R says which of the kept answers was given, and a keyed hash in it proves at message 3 that we gave it
to this address, port and CKY-I not long ago: a peer that did not receive message 2 cannot know it. RFC 2408 §2.5.3 asks
just that of a cookie, that "it must not be possible for anyone other than the issuing entity to generate cookies that
will be accepted by that entity" and that it is made fast.

A flood of first messages therefore takes no memory and cannot push out a peer that is under way. Only first messages
that were never seen before take a place among those kept; what a peer once followed up with message 3 is never pushed
out by those that nobody followed up.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from hashlib import blake2s

from ikev1.core.records.model import IkeSa, UdpPath
from ikev1.core.records.record import Record, replace

_SLOT = 32  # seconds for which the same cookie is given; one slot later it is still known
_CAPACITY = 4096  # answers kept of either kind
_INDEX_OCTETS = 2
_SPENT = 65_536  # pairs of cookies: each cost its peer a round trip, and us a Diffie-Hellman exchange


class CachedReply(Record, frozen=True):
    """What was chosen for a first message: an SA without peer, and the payloads of message 2."""

    index: int
    key: tuple[int, tuple[str, ...], bytes]
    template: IkeSa
    first_payload: int
    chain: bytes
    serial: int


Dumped = tuple[bytes, int, tuple[CachedReply, ...], tuple[CachedReply, ...], tuple[tuple[bytes, int], ...]]
"""The secret, the last serial number, the answers that nobody followed up, those that a peer did, and spent cookies."""


class FirstMessages:
    """The answers kept, and the cookies that name them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._serial = 0
        self._next_index = 0
        self._unproven: OrderedDict[tuple[int, tuple[str, ...], bytes], CachedReply] = OrderedDict()
        self._proven: OrderedDict[tuple[int, tuple[str, ...], bytes], CachedReply] = OrderedDict()
        self._by_index: dict[int, CachedReply] = {}
        self._spent: dict[bytes, int] = {}  # cookies that an SA came of, and the slot in which; the oldest first

    def recall(self, key: tuple[int, tuple[str, ...], bytes]) -> CachedReply | None:
        """The answer kept for ``key``: the settings' generation, the connections in question, and the octets."""
        return self._proven.get(key) or self._unproven.get(key)

    def keep(
        self, key: tuple[int, tuple[str, ...], bytes], template: IkeSa, first_payload: int, chain: bytes
    ) -> CachedReply:
        """Keeps an answer, in place of the oldest that nobody ever followed up when there is no room."""
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
        """CKY-R for a peer that gets ``answer``."""
        return answer.index.to_bytes(_INDEX_OCTETS) + self._mac(answer, CKY_I, path, int(now // _SLOT))

    def recognise(self, CKY_I: bytes, CKY_R: bytes, path: UdpPath, now: float) -> CachedReply | None:
        """The answer that we gave with this CKY-R to this peer; None if we did not, if it was too long ago, or if an SA
        came of it: once that is gone, its first messages bring no other.
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
        """An SA came of these cookies: until they expire, they are recognised no more."""
        slot = int(now // _SLOT)
        self._spent[cookies] = slot
        oldest = next(iter(self._spent))
        while self._spent[oldest] < slot - 1 or len(self._spent) > _SPENT:
            del self._spent[oldest]
            oldest = next(iter(self._spent))

    def kept_cookies(self, CKY_I: bytes, path: UdpPath, now: float) -> tuple[bytes, bytes]:
        """CKY-R for a peer of whom an SA is kept from its first message on: that of now, and the one before, which it
        has if it called just before now. The same message tomorrow gets another one.
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
        """All of it, for another process to go on with."""
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
        """What `dump` gave."""
        loaded = cls(secret)
        loaded._serial = serial
        loaded._spent = dict(spent)
        for kept, answers in ((loaded._unproven, unproven), (loaded._proven, proven)):
            for answer in answers:
                kept[answer.key] = loaded._by_index[answer.index] = answer
        return loaded


def sa_from(answer: CachedReply, unique_id: int, path: UdpPath, CKY_I: bytes, CKY_R: bytes, now: float) -> IkeSa:
    """The SA of a peer that followed up ``answer``, as it stands before message 3."""
    return replace(answer.template, unique_id=unique_id, path=path, CKY_I=CKY_I, CKY_R=CKY_R, created_at=now)
