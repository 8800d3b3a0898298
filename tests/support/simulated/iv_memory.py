"""The IVs of exchanges, of which an implementation may remember only some."""

from __future__ import annotations

from ikev1.wire.header import Header


class IvMemory:
    """Remembers the IVs of the last ``most`` message IDs under each ISAKMP SA."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._latest: dict[bytes, list[int]] = {}  # by cookies: message IDs, the latest last
        self.stuck: set[tuple[bytes, int]] = set()  # cookies and message IDs of exchanges whose IV was dropped

    def sends(self, header: Header) -> None:
        """A message is encrypted."""
        if header.message_id and header.encrypted:
            self._uses(header.CKY_I + header.CKY_R, header.message_id)

    def decrypts(self, header: Header, *, begun: bool) -> bool:
        """Whether a message can be decrypted; ``begun`` says that its exchange has had one before."""
        number, cookies = header.message_id, header.CKY_I + header.CKY_R
        if not number or not header.encrypted:
            return True
        if begun and number not in self._latest.get(cookies, ()):
            self.stuck.add((cookies, number))
        self._uses(cookies, number)
        return (cookies, number) not in self.stuck  # the IV of a first message does not fit

    def _uses(self, cookies: bytes, number: int) -> None:
        latest = [known for known in self._latest.get(cookies, ()) if known != number]
        self._latest[cookies] = [*latest, number][-self._most :]
