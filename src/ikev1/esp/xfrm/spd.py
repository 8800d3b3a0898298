"""Our part of the kernel's SPD: which packets are protected, which pass, which are dropped (RFC 4301 §4.4.1).

For the same packets (direction, selector, mark, interface ID) the kernel holds only one policy, whatever its priority.
If several are wanted, an exemption is preferred to PROTECT, PROTECT to BYPASS, and BYPASS to DISCARD. When a policy is
removed, the next one replaces it by an update, which is atomic in the kernel, so that the packets are never without a
policy.

The policies of an earlier process of the same gateway stay unchanged while its pairs may still be taken over. Then
their packets are dropped (`Spd.hold`), and finally they are removed (`Spd.settle`). No packet passes unprotected in
the meantime.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress

from ikev1.esp.plane import PlaneError
from ikev1.esp.xfrm.ownership_file import OwnershipFile, PolicyNote, StateNote
from ikev1.esp.xfrm.policy import PolicyId, Rule, Template
from ikev1.esp.xfrm.requests import Xfrm

_LAST_REQID = 0x7FFF_FFFF
_DISCARDING = 0x8000_0000  # or higher by 8 bits, the number of the owner's file
_NUMBER_SHIFT = 23

_BYPASS, _EXEMPTION = Rule(), Rule(exempts=True)

Policy = tuple[PolicyId, Rule]


class Spd:
    """The policies of one gateway.

    Each policy is recorded in the ownership file, with the number that identifies it in the kernel (`Rule`), before it
    is added to the kernel. A call that raises has changed nothing.

    Raises:
        PlaneError: the ownership file cannot be written.
        OSError: the kernel refused.
    """

    def __init__(self, xfrm: Xfrm, owner: OwnershipFile) -> None:
        self._xfrm = xfrm
        self._owner = owner
        self._discarding = Rule(_DISCARDING | owner.number << _NUMBER_SHIFT, discards=True)
        self._protected: dict[PolicyId, Rule] = {}
        self._exempt: set[PolicyId] = set()
        self._passing: set[PolicyId] = set()
        self._discarded: set[PolicyId] = set()
        self._held: dict[PolicyId, Rule] = {}  # where an earlier process left a policy
        self._there: dict[PolicyId, Rule] = {}  # what this process has added to the kernel
        self._left: dict[PolicyId, set[int]] = {}  # what an earlier process added, by its numbers, and is not replaced
        for note in owner.left:
            if isinstance(note, PolicyNote):
                self._left.setdefault(note.id, set()).add(note.reqid)
        notes = (note for note in owner.left if isinstance(note, StateNote | PolicyNote))
        self._earlier = frozenset(note.reqid for note in notes) - {self._discarding.number}
        self._avoided: set[int] = set()
        # the kernel may still wait for an SA with one of the old numbers, and would not ask again for it
        self._last = max((reqid for reqid in self._earlier if reqid <= _LAST_REQID), default=0)

    def avoid(self, reqids: Iterable[int]) -> None:
        """Do not allocate ``reqids``: other programs use them, or the kernel still waits for an SA with one of them,
        and sends no second ACQUIRE for a reqid that it has sent one for.
        """
        self._avoided.update(reqids)

    def new_reqid(self) -> int:
        """The next reqid of this gateway: they count from 1, as those of other daemons, and are reused cyclically."""
        while True:
            self._last = self._last % _LAST_REQID + 1
            if self._last not in self._avoided:
                return self._last

    def was_ours(self, reqid: int) -> bool:
        """Whether an earlier process with the same file has left states or policies with the reqid."""
        return reqid in self._earlier

    def protect(self, ids: Collection[PolicyId], reqid: int, templates: tuple[Template, ...]) -> None:
        """Require states with ``reqid`` for these packets. This replaces earlier calls for them.

        Raises:
            PlaneError: another program, or another tunnel, has a policy for them.
        """
        if any(self._protected[id].number != reqid for id in ids if id in self._protected):
            raise PlaneError("another tunnel has an IPsec policy for the same packets: see `ip xfrm policy`")
        with self._change(ids):
            self._protected |= dict.fromkeys(ids, Rule(reqid, templates))
            if self._apply(ids):
                raise PlaneError("another program has an IPsec policy for the same packets: see `ip xfrm policy`")

    def protect_no_more(self, ids: Collection[PolicyId]) -> None:
        """Undo `protect`."""
        with self._change(ids):
            for id in ids:
                self._protected.pop(id, None)
            self._apply(ids)

    def exempt(self, ids: Collection[PolicyId]) -> set[PolicyId]:
        """Let these packets pass unprotected, whatever else applies.

        Returns those for which another program has a policy, which stays.
        """
        with self._change(ids):
            self._exempt.update(ids)
            foreign = self._apply(ids)
            self._exempt -= foreign
        return foreign

    def exempt_no_more(self, ids: Collection[PolicyId]) -> None:
        """Undo `exempt`."""
        with self._change(ids):
            self._exempt.difference_update(ids)
            self._apply(ids)

    def bypass(self, ids: Collection[PolicyId]) -> list[PolicyId]:
        """Let these packets pass unprotected unless `protect` applies.

        Returns those for which this succeeded; for the others, another program has a policy, which stays.
        """
        with self._change(ids):
            self._passing.update(ids)
            foreign = self._apply(ids)
            self._passing -= foreign
        return [id for id in ids if id not in foreign]

    def bypass_no_more(self, ids: Collection[PolicyId]) -> None:
        """Undo `bypass`."""
        with self._change(ids):
            self._passing.difference_update(ids)
            self._apply(ids)

    def discard(self, ids: Collection[PolicyId]) -> set[PolicyId]:
        """Drop these packets unless another policy applies.

        Returns those for which another program has a policy, which stays.
        """
        with self._change(ids):
            self._discarded.update(ids)
            foreign = self._apply(ids)
            self._discarded -= foreign
        return foreign

    def discard_no_more(self, ids: Collection[PolicyId]) -> None:
        """Undo `discard`."""
        with self._change(ids):
            self._discarded.difference_update(ids)
            self._apply(ids)

    def hold(self) -> None:
        """Drop the packets of policies of an earlier process that were not taken over, until `settle`.

        Only policies with a recorded number are changed: another program may have added one for the same packets.
        """
        found = {id: self._xfrm.policy_numbers(id) for id in self._left}
        ours = {id for id, numbers in self._left.items() if _is(found[id], numbers)}
        self._held = {id: self._discarding if found[id] else _BYPASS for id in ours}
        self._replace(list(self._held.items()))
        rest, self._left = self._left, {}
        self._discarded -= self._apply(rest)
        self._strike(PolicyNote(id, number) for id, numbers in rest.items() for number in numbers)

    def settle(self) -> None:
        """Remove what `hold` has left in place."""
        held, self._held = self._held, {}
        self._apply(held)

    def _wanted(self, id: PolicyId) -> Rule | None:
        if id in self._exempt:
            return _EXEMPTION
        if (rule := self._protected.get(id)) is not None:
            return rule
        if id in self._passing:
            return _BYPASS
        return self._discarding if id in self._discarded else self._held.get(id)

    @contextmanager
    def _change(self, ids: Collection[PolicyId]) -> Iterator[None]:
        """Undo the change if the body raises."""
        protected = {id: self._protected.get(id) for id in ids}
        exempt, passing = self._exempt.intersection(ids), self._passing.intersection(ids)
        discarded = self._discarded.intersection(ids)
        try:
            yield
        except (PlaneError, OSError):
            for id, rule in protected.items():
                if rule is not None:
                    self._protected[id] = rule
                else:
                    self._protected.pop(id, None)
            self._exempt = self._exempt.difference(ids) | exempt
            self._passing = self._passing.difference(ids) | passing
            self._discarded = self._discarded.difference(ids) | discarded
            with suppress(PlaneError, OSError):  # the first error is the one to report
                self._apply(ids)
            raise

    def _apply(self, ids: Iterable[PolicyId]) -> set[PolicyId]:
        """Bring the kernel's policies for ``ids`` in line with ours. Returns those of which another program has one."""
        added: list[Policy] = []
        replaced: list[Policy] = []
        gone: list[PolicyId] = []
        for id in ids:
            there, wanted = self._there.get(id), self._wanted(id)
            if id in self._left and (wanted is None or wanted.discards):
                continue  # until `hold`
            if wanted is None:
                gone += (id,) * (there is not None)
            elif there is None:
                added.append((id, wanted))
            elif there != wanted:
                replaced.append((id, wanted))
        foreign = self._add(added)
        self._replace(replaced)
        for id in gone:
            self._xfrm.delete_policy(id)
            self._strike([PolicyNote(id, self._there.pop(id).number)])
        return foreign

    def _add(self, policies: list[Policy]) -> set[PolicyId]:
        """Add policies where there are none, or those of an earlier process of this gateway; returns the others."""
        self._owner.note(*map(_note, policies))
        try:
            met = set(self._xfrm.add_policies(policies))
        except OSError:
            self._strike(map(_note, policies))
            raise
        foreign = {id for id in met if not _is(self._xfrm.policy_numbers(id), self._left.get(id, set()))}
        fresh = {id: rule for id, rule in policies if id not in met}
        self._there |= fresh
        self._strike(self._nothing_left(fresh))
        self._replace([policy for policy in policies if policy[0] in met - foreign])
        self._strike(_note(policy) for policy in policies if policy[0] in foreign)
        return foreign

    def _replace(self, policies: list[Policy]) -> None:
        """Change existing policies of this gateway."""
        self._owner.note(*map(_note, policies))
        earlier = [PolicyNote(id, self._there[id].number) for id, _ in policies if id in self._there]
        self._there |= policies  # in any case: what the kernel has after an error must be replaced again
        self._xfrm.put_policies(policies)
        self._strike([*earlier, *self._nothing_left(id for id, _ in policies)])

    def _nothing_left(self, ids: Iterable[PolicyId]) -> list[PolicyNote]:
        """The records of an earlier process about ``ids``, which are now replaced."""
        return [PolicyNote(id, number) for id in ids for number in self._left.pop(id, ())]

    def _strike(self, notes: Iterable[PolicyNote]) -> None:
        """Delete the records of policies that do not exist, or have another number by now."""
        gone = [note for note in notes if (rule := self._there.get(note.id)) is None or rule.number != note.reqid]
        if gone:
            self._owner.strike(*gone)


def _is(found: frozenset[int] | None, noted: set[int]) -> bool:
    """Whether a policy of the kernel, given by its numbers (None: it does not exist), is a recorded one."""
    return found is not None and (found <= noted - {0} if found else 0 in noted)


def _note(policy: Policy) -> PolicyNote:
    id, rule = policy
    return PolicyNote(id, rule.number)
