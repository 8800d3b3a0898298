"""Who guesses has to wait, and cannot lock the user out."""

from __future__ import annotations

import pytest

from ikev1.aaa.lock_out import OF_ADDRESS, OF_USER_AT_ADDRESS, OF_USER_ELSEWHERE, LockOut, network_of

HOME, OFFICE, ATTACKER = "192.0.2.1", "192.0.2.99", "198.51.100.7"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lock_out(clock: Clock) -> LockOut:
    return LockOut(clock)


def test_the_first_attempts_are_free_and_each_further_wait_is_longer(lock_out: LockOut, clock: Clock) -> None:
    assert [lock_out.begin("alice", HOME) for _ in range(OF_USER_AT_ADDRESS.free)] == [0.0] * OF_USER_AT_ADDRESS.free
    waits = []
    for _ in range(5):
        assert lock_out.begin("alice", HOME) == 0.0  # the attempt that is over the free ones
        waits.append(lock_out.begin("alice", HOME))
        clock.now += waits[-1]
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0]


def test_an_attempt_during_a_wait_does_not_prolong_it(lock_out: LockOut, clock: Clock) -> None:
    for _ in range(OF_USER_AT_ADDRESS.free + 1):
        lock_out.begin("alice", HOME)
    for _ in range(100):
        assert lock_out.begin("alice", HOME) == 2.0
    clock.now += 2.0
    assert lock_out.begin("alice", HOME) == 0.0


def test_no_wait_is_longer_than_the_longest(lock_out: LockOut, clock: Clock) -> None:
    for _ in range(2000):
        clock.now += lock_out.begin("alice", HOME)
    assert lock_out.begin("alice", HOME) <= OF_USER_AT_ADDRESS.longest


def test_a_login_clears_the_failures_of_the_user_at_the_address(lock_out: LockOut) -> None:
    for _ in range(OF_USER_AT_ADDRESS.free):
        lock_out.begin("alice", HOME)
    lock_out.succeeded("alice", HOME)
    assert [lock_out.begin("alice", HOME) for _ in range(OF_USER_AT_ADDRESS.free)] == [0.0] * OF_USER_AT_ADDRESS.free


def test_an_attacker_cannot_lock_the_user_out_of_an_address_of_the_users(lock_out: LockOut, clock: Clock) -> None:
    lock_out.begin("alice", HOME)
    lock_out.succeeded("alice", HOME)
    for number in range(5000):  # from as many addresses as the attacker likes
        lock_out.begin("alice", f"198.51.{number // 250}.{number % 250}")
    assert lock_out.begin("alice", OFFICE) > 0  # a new address has to wait a little
    assert lock_out.begin("alice", HOME) == 0.0


def test_at_a_new_address_the_user_waits_a_minute_at_most(lock_out: LockOut, clock: Clock) -> None:
    for number in range(5000):
        clock.now += lock_out.begin("alice", f"198.51.{number // 250}.{number % 250}")
    assert lock_out.begin("alice", OFFICE) <= OF_USER_ELSEWHERE.longest


def test_an_address_that_tries_many_users_has_to_wait_and_others_do_not(lock_out: LockOut) -> None:
    for number in range(OF_ADDRESS.free + 1):
        assert lock_out.begin(f"user{number}", ATTACKER) == 0.0
    assert lock_out.begin("somebody", ATTACKER) == 2.0
    assert lock_out.begin("somebody", HOME) == 0.0


def test_a_login_does_not_pardon_the_attempts_with_other_names(lock_out: LockOut) -> None:
    for number in range(OF_ADDRESS.free):
        lock_out.begin(f"user{number}", ATTACKER)
        lock_out.begin("mallory", ATTACKER)
        lock_out.succeeded("mallory", ATTACKER)
    lock_out.begin("one more", ATTACKER)
    assert lock_out.begin("mallory", ATTACKER) == 0.0
    lock_out.succeeded("mallory", ATTACKER)
    assert lock_out.begin("yet another", ATTACKER) == 2.0


def test_an_attacker_behind_the_same_nat_locks_out_nobody_whose_name_he_does_not_try(
    lock_out: LockOut, clock: Clock
) -> None:
    lock_out.begin("alice", HOME)
    lock_out.succeeded("alice", HOME)
    for number in range(200):
        clock.now += lock_out.begin(f"user{number}", HOME)
        lock_out.begin(f"user{number}", HOME)
    assert lock_out.begin("bob", HOME) > 0
    assert [lock_out.begin("alice", HOME) for _ in range(OF_USER_AT_ADDRESS.free)] == [0.0] * OF_USER_AT_ADDRESS.free
    lock_out.begin("alice", HOME)
    assert lock_out.begin("alice", HOME) == 2.0, "her own password is guessed no faster"


def test_simultaneous_attempts_count_before_their_verdicts(lock_out: LockOut) -> None:
    allowed = [lock_out.begin("alice", ATTACKER) for _ in range(100)].count(0.0)
    assert allowed == OF_USER_AT_ADDRESS.free + 1


def test_an_attempt_that_was_not_checked_does_not_count(lock_out: LockOut) -> None:
    for _ in range(100):
        assert lock_out.begin("alice", HOME) == 0.0
        lock_out.not_counted("alice", HOME)


def test_failures_are_forgotten(lock_out: LockOut, clock: Clock) -> None:
    for _ in range(OF_USER_AT_ADDRESS.free + 1):
        lock_out.begin("alice", HOME)
    clock.now += 2.0 + OF_USER_AT_ADDRESS.forget + 1
    assert [lock_out.begin("alice", HOME) for _ in range(3)] == [0.0] * 3


def test_the_memory_is_bounded(clock: Clock) -> None:
    lock_out = LockOut(clock, most=50)
    for number in range(1000):
        lock_out.begin(f"user{number}", f"198.51.{number // 250}.{number % 250}")
        lock_out.succeeded(f"user{number}", f"198.51.{number // 250}.{number % 250}")
        lock_out.begin(f"user{number}", f"203.0.{number // 250}.{number % 250}")
    assert len(lock_out) <= 4 * 50


@pytest.mark.parametrize(
    "names",
    [
        ("alice", "ALICE", "Alice", "aLICE"),
        ("alice", "alice ", " alice", "  alice  "),
        ("alice", "\uff41lice", "al\uff49ce", "\U0001d41alice"),
        ("zo\u00eb", "zoe\u0308", "ZO\u00cb", "\uff3ao\u00eb"),
        ("alice smith", "alice  smith", "Alice   Smith", "alice smith "),
    ],
)
def test_names_differ_in_more_than_how_they_are_written(lock_out: LockOut, names: tuple[str, ...]) -> None:
    """Directories do not distinguish these: each would be three more free attempts."""
    for name in names:
        lock_out.begin(name, HOME)
    assert lock_out.begin(names[0], HOME) > 0
    assert lock_out.begin("bob", HOME) == 0.0


def test_one_host_with_a_network_of_ipv6_is_one_address() -> None:
    assert network_of("2001:db8:1:2::5") == network_of("2001:db8:1:2:ffff::1") != network_of("2001:db8:1:3::5")
    assert network_of("fe80::1%eth0") == network_of("fe80::1")
    assert network_of("192.0.2.1") != network_of("192.0.2.2")
