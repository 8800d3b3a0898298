"""The responder's state machine, learned from outside by AALpy, held against the one that the exchange tables draw.

A caller that knows the protocol sends the messages of an exchange in any order, and waits; the responder is seen only
by what it sends. A message that the caller cannot make yet is sent with junk where the keys are missing. What the
tables do not say is a self-loop, but for the exceptions that are named here.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from aalpy.base import SUL, Oracle
from aalpy.learning_algs import run_KV
from aalpy.oracles import RandomWMethodEqOracle

import authority
from configured import ALICE, BOB, SECRET, connection, policy, settings, suite, tunnel
from ikev1.core.exchanges.aggressive_mode import AGGRESSIVE_MODE
from ikev1.core.exchanges.informational import delete_ike, notify
from ikev1.core.exchanges.interpreter import Script
from ikev1.core.exchanges.main_mode import MAIN_MODE
from ikev1.core.exchanges.quick_mode import QUICK_MODE
from ikev1.core.records.path import UdpPath
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Aggressive, Credential, Mode, Trust, TrustedKey
from ikev1.crypto import public_keys
from ikev1.wire.header import Header
from ikev1.wire.message import build_message
from ikev1.wire.payloads import KeyExchange, Nonce, Notification, Payload
from ikev1.wire.registry import AuthenticationMethod, ExchangeType, Flags, NotifyType
from playbook import Datagram, Network, say

PSK, SIGNATURES = "psk", "signatures"
WAIT, DELETE, ASK, CLEAR = "WAIT", "DELETE", "R_U_THERE", "clear notify"
NOTHING = "-"
_WAIT = 250.0  # seconds: longer than anything is repeated or kept half open
_KEYS = authority.rsa_key(1), authority.rsa_key(2)
# Sent for messages of unknown SAs, once in some seconds for each address: a limit of rate, not a state of the machine
_LOST = "INFO N(INVALID_COOKIE) in the clear"
_ANSWERS = ("MM2", "MM4", "MM6", "AM2", "QM2")


class OutOfBudgetError(Exception):
    """Learning took too many conversations, or too long."""


class Budget:
    """How much a learner may ask.

    Args:
        most: conversations.
        until: when it has to end, by `time.monotonic`.
    """

    def __init__(self, most: int = 10_000, until: float = math.inf) -> None:
        self._most, self._until = most, until
        self.spent = 0

    def spend(self) -> None:
        """One more conversation.

        Raises:
            OutOfBudgetError: it is one too many, or too late.
        """
        if self.spent >= self._most or time.monotonic() >= self._until:
            raise OutOfBudgetError
        self.spent += 1


class Responder(SUL):  # type: ignore[misc]  # has no types
    """The system under learning: a responder, and the caller that makes messages of the symbols.

    Args:
        mode: of the caller.
        proof: `PSK` or `SIGNATURES`.
        budget: each conversation is one.
        established: whether phase 1 is done before the first symbol.
    """

    def __init__(self, mode: Mode, proof: str, budget: Budget, *, established: bool = False) -> None:
        super().__init__()
        self._mode, self._proof, self._budget, self._established = mode, proof, budget, established

    def pre(self) -> None:
        """A new responder and a new caller.

        Raises:
            OutOfBudgetError: there are no more conversations.
        """
        self._budget.spend()
        self.network = Network()
        options = [_proved(self._proof, place) for place in range(2)]
        both: dict[str, Any] = {"mode": self._mode, "aggressive": Aggressive.ACCEPT_PSK}
        self.caller = self.network.peer(
            "alice", ALICE, settings(connection(ALICE, BOB, tunnel(), remote_id=BOB, **both, **options[0]))
        )
        self.responder = self.network.peer(
            "bob", BOB, settings(connection(BOB, ALICE, tunnel(mirrored=True), remote_id=ALICE, **both, **options[1]))
        )
        self.made: dict[str, Datagram] = {}  # by label: what the caller could say by now
        self._asked = 0
        self.caller.calls()
        self._collect()
        if self._established:
            for label in _sent_by_caller(_script(self._mode)):
                self.step(label)

    def post(self) -> None:
        """Nothing is left."""

    def step(self, letter: str) -> str:
        """Send the message of this name, or wait; the labels of what the responder sends."""
        if letter == WAIT:
            return self._wait()
        self._deliver(self._message(letter))
        return self._answers()

    def _wait(self) -> str:
        end = self.network.now + _WAIT
        while (due := self.responder.get_timer()) <= end:
            self.network.now = max(self.network.now, due)
            self.responder.handle_timer()
        self.network.now = end
        return self._answers()

    def _deliver(self, octets: bytes) -> None:
        self.responder.takes(octets, UdpPath(BOB, 500, ALICE, 500))

    def _answers(self) -> str:
        """What the responder sent; the caller reads the answers of exchanges, and no error dissuades it."""
        labels = []
        for datagram in self._taken("bob"):
            if datagram.label == _LOST:
                continue
            labels.append(datagram.label)
            if datagram.label in _ANSWERS:
                self.caller.receive(datagram)
                self._collect()
        return ", ".join(dict.fromkeys(labels)) or NOTHING

    def _collect(self) -> None:
        for datagram in self._taken("alice"):
            self.made.setdefault(datagram.label, datagram)

    def _taken(self, sender: str) -> list[Datagram]:
        taken = [each for each in self.network.flying if each.sender == sender]
        for each in taken:
            self.network.flying.remove(each)
        return taken

    # --- messages

    def _message(self, letter: str) -> bytes:
        known = self.made.get(letter)
        if known is not None:
            return known.octets
        sas = [sa for sa in self.caller.engine.sas.values() if sa.is_up]
        if letter in (DELETE, ASK) and sas:
            self._asked += 1
            payload = (
                delete_ike(sas[0])
                if letter == DELETE
                else notify(sas[0], NotifyType.R_U_THERE, self._asked.to_bytes(4))
            )
            self.caller.does(lambda engine: say(engine, sas[0], [payload], self.network.now))
            (datagram,) = self._taken("alice")
            return datagram.octets
        return self._junk(letter)

    def _junk(self, letter: str) -> bytes:
        """The message as far as it can be made without what only an answer tells."""
        first = next(iter(self.made.values())).octets
        cookies = next(iter(self.caller.engine.sas), first[:16])
        kind = {"M": ExchangeType.IDENTITY_PROTECTION, "A": ExchangeType.AGGRESSIVE, "Q": ExchangeType.QUICK_MODE}.get(
            letter[0] if letter[1:2] == "M" else "", ExchangeType.INFORMATIONAL
        )
        if letter == "MM3":
            return _clear(cookies, kind, [KeyExchange(bytes(range(64))), Nonce(bytes(16))])
        if letter == CLEAR:
            return _clear(cookies, kind, [Notification(1, 1, b"", NotifyType.INVALID_COOKIE, b"")])
        message_id = 0 if letter[0] in "MA" and letter[1:2] == "M" else 0x01020304
        header = Header(cookies[:8], cookies[8:], 5, kind, Flags.ENCRYPTION, message_id, 28 + 64)
        return header.build() + bytes(range(64))


def _clear(cookies: bytes, kind: int, payloads: list[Payload]) -> bytes:
    return build_message(Header(cookies[:8], cookies[8:], 0, kind, 0, 0, 0), payloads)


def _proved(proof: str, who: int) -> dict[str, Any]:
    if proof == PSK:
        return {"secret": SECRET, "policies": (policy("aes128-sha256-x25519"),)}
    phase1 = replace(suite("aes128-sha256-x25519"), authentication=int(AuthenticationMethod.RSA_SIGNATURES))
    return {
        "secret": b"",
        "policies": (replace(policy(), suite=phase1),),
        "credential": Credential(authority.pkcs8(_KEYS[who])),
        "trust": Trust(public_keys=(TrustedKey(public_keys.encode(_KEYS[1 - who].public_key())),)),
    }


# --- what the tables draw -------------------------------------------------------------------------------------------


def _script(mode: Mode) -> Script:
    return MAIN_MODE if mode is Mode.MAIN else AGGRESSIVE_MODE


def _sent_by_caller(script: Script) -> list[str]:
    return [label for label, row in zip(script.labels, script.rows, strict=True) if row.sender == "i"]


class Edge(NamedTuple):
    """A message that a table accepts: in which state, what answers it, and the state after it."""

    state: str
    letter: str
    output: str
    after: str


def accepting(*scripts: Script) -> Iterator[Edge]:
    """The edges of the exchanges, one after another: a state is called after the last message that was accepted."""
    state = "nothing"
    for script in scripts:
        senders = [row.sender for row in script.rows]
        for place, label in enumerate(script.labels):
            if senders[place] == "i":
                answered = senders[place + 1 : place + 2] == ["r"]
                yield Edge(state, label, script.labels[place + 1] if answered else NOTHING, label)
                state = label


EXCEPTIONS: dict[tuple[str, str], str] = {
    ("MM1", WAIT): "the cookie of message 2 is out of date",
    ("MM3", WAIT): "a caller that falls silent is forgotten",
    ("AM1", WAIT): "a caller that falls silent is forgotten",
    ("MM5", WAIT): "the peer did not confirm the ISAKMP SA, of which we sent the last message",
    ("QM1", WAIT): "the Quick Mode is given up",
    ("AM3", WAIT): "phase 1 is forgotten, and what a repetition of its messages would earn",
    ("QM3", WAIT): "the Quick Mode is forgotten, and what a repetition of its messages would earn",
    ("AM1", DELETE): "what does not decrypt asks for message 3, as often as there is a budget for it",
    ("AM1", "QM1"): "what does not decrypt asks for message 3, as often as there is a budget for it",
    ("AM1", "QM3"): "what does not decrypt asks for message 3, as often as there is a budget for it",
    ("MM5", DELETE): "the ISAKMP SA is deleted",
    ("AM3", DELETE): "the ISAKMP SA is deleted",
    ("QM1", DELETE): "the ISAKMP SA is deleted",
    ("QM3", DELETE): "the ISAKMP SA is deleted",
    ("established", DELETE): "the ISAKMP SA is deleted",
    ("established", WAIT): "the peer did not confirm the ISAKMP SA, of which we sent the last message",
    ("established", ASK): "R-U-THERE confirms the ISAKMP SA",
}
"""Edges that no row has, and that lead elsewhere: in which state, with which letter, and why."""


class Machine(NamedTuple):
    """What was learned.

    Attributes:
        states: how many; 0 if the budget ended before the machine was learned.
        wrong: what is not as the tables say, in words.
        queries: how many conversations it took.
    """

    states: int
    wrong: list[str]
    queries: int


INFORMATIONAL = "informational"
KINDS = (*(str(mode) for mode in Mode), INFORMATIONAL)
"""What can be learned: phase 1 in a mode with the Quick Mode behind it, and what an established ISAKMP SA does with
informational messages, for which no row has an answer.
"""


def learn(kind: str, proof: str, *, walks: int = 20, seed: int = 0, budget: Budget | None = None) -> Machine:
    """Learn one of `KINDS` and compare it with the tables.

    Args:
        kind: what.
        proof: `PSK` or `SIGNATURES`.
        walks: random conversations from each state, behind those along the rows.
        seed: of these.
        budget: None is a new one.
    """
    budget = budget or Budget()
    scripts = () if kind == INFORMATIONAL else (_script(Mode(kind)), QUICK_MODE)
    letters = [label for script in scripts for label in _sent_by_caller(script)]
    if kind == INFORMATIONAL:
        alphabet, rows, first = [ASK, DELETE, CLEAR, WAIT], [ASK, DELETE], "established"
        responder = Responder(Mode.MAIN, proof, budget, established=True)
    else:
        alphabet, rows, first = [*letters, DELETE, CLEAR, WAIT], letters, "nothing"
        responder = Responder(Mode(kind), proof, budget)
    random.seed(seed)
    oracle = _RowsFirst(alphabet, responder, rows, walks)
    try:
        model = run_KV(alphabet, responder, oracle, automaton_type="mealy", print_level=0)
    except OutOfBudgetError:
        return Machine(0, [], budget.spent)
    return Machine(model.size, _compared(model, alphabet, list(accepting(*scripts)), first), budget.spent)


class _RowsFirst(Oracle):  # type: ignore[misc]  # has no types
    """Tries the way along the rows, with one message too many at each place, before random ways: it is as long as the
    tables, and nobody finds it by chance.
    """

    def __init__(self, alphabet: list[str], responder: Responder, rows: list[str], walks: int) -> None:
        super().__init__(alphabet, responder)
        places = range(len(rows) + 1)
        more = [[*rows[:place], letter, *rows[place:], DELETE] for place in places for letter in alphabet]
        again = [[*rows[:place], letter, *rows, DELETE] for place in places for letter in alphabet]
        self._ways = [[*rows, DELETE], *more, *again]
        self._random = RandomWMethodEqOracle(alphabet, responder, walks_per_state=walks, walk_len=8)

    def find_cex(self, hypothesis: Any) -> list[str] | None:
        """A conversation in which the responder does not do what was learned so far; None if none was found."""
        for way in self._ways:
            self.reset_hyp_and_sul(hypothesis)
            for place, letter in enumerate(way):
                if self.sul.step(letter) != hypothesis.step(letter):
                    self.sul.post()
                    return way[: place + 1]
        found = self._random.find_cex(hypothesis)
        return None if found is None else list(found)


def _compared(model: Any, alphabet: list[str], edges: list[Edge], first: str) -> list[str]:
    wrong = []
    state, names = model.initial_state, {id(model.initial_state): first}
    for edge in edges:
        if state.output_fun[edge.letter] != edge.output:
            wrong.append(
                f"{edge.state}: {edge.letter} is answered by {state.output_fun[edge.letter]}, not {edge.output}"
            )
        state = state.transitions[edge.letter]
        if id(state) in names:
            wrong.append(f"{edge.state}: {edge.letter} leads to {names[id(state)]}")
        names[id(state)] = edge.after
    beside = _beside(model, alphabet, names)
    rows = {(edge.state, edge.letter): edge for edge in edges}
    for state in model.states:
        of_rows = id(state) in names
        name = names.get(id(state)) or beside.get(id(state), "nowhere")
        for letter in alphabet:
            after = state.transitions[letter]
            row, target = rows.get((name, letter)), names.get(id(after))
            if after is state or (of_rows and row is not None):
                continue
            if target is None:  # it leads to where no row is: from a row's state only as named, and then it may go on
                if not of_rows or (name, letter) in EXCEPTIONS:
                    continue
            elif not of_rows and target == name:
                continue  # back
            elif not of_rows and row is not None and (target, state.output_fun[letter]) == (row.after, row.output):
                continue  # beside a row's state the same message is accepted as there
            wrong.append(f"{'beside ' * (not of_rows)}{name}: {letter} leads to {target or 'a state that no row has'}")
    return wrong


def _beside(model: Any, alphabet: list[str], names: dict[int, str]) -> dict[int, str]:
    """For each state that no row has, the row's state from which it is reached first."""
    found: dict[int, str] = {}
    front = [(state, names[id(state)]) for state in model.states if id(state) in names]
    while front:
        state, name = front.pop(0)
        for letter in alphabet:
            after = state.transitions[letter]
            if id(after) not in names and id(after) not in found:
                found[id(after)] = name
                front.append((after, name))
    return found
