"""The bound on lines that others cause."""

from __future__ import annotations

from ikev1.daemon.observe.log_rate_limit import LogRateLimit


def test_so_many_of_each_kind_pass_in_a_second_and_the_rest_is_counted() -> None:
    now = 10.0
    limiter: LogRateLimit[str] = LogRateLimit(most=2, clock=lambda: now)
    assert limiter.held_back() == {}
    assert not limiter.holds_back
    assert [limiter.passes("malformed") for _ in range(5)] == [True, True, False, False, False]
    assert limiter.passes("unknown-sa")
    now = 10.9
    assert limiter.held_back() == {}
    assert not limiter.passes("malformed")
    now = 11.0
    assert limiter.held_back() == {"malformed": 4}
    assert limiter.held_back() == {}
    assert limiter.passes("malformed")


def test_who_uses_up_its_budget_takes_nothing_from_the_others() -> None:
    limiter: LogRateLimit[str] = LogRateLimit(most=2, clock=lambda: 10.0)
    assert [limiter.passes("MM1", "mallory") for _ in range(4)] == [True, True, False, False]
    assert limiter.passes("MM1", "alice")
    assert limiter.passes("QM1", "mallory")


def test_what_was_held_back_is_told_even_if_nobody_asked_for_a_long_time() -> None:
    now = 10.0
    limiter: LogRateLimit[str] = LogRateLimit(most=1, clock=lambda: now)
    for _ in range(6):
        limiter.passes("malformed")
        now += 0.5
    now = 99.0
    assert limiter.holds_back
    assert limiter.held_back() == {"malformed": 3}
    assert not limiter.holds_back


def test_invented_sources_share_a_budget_once_there_are_too_many() -> None:
    limiter: LogRateLimit[str] = LogRateLimit(most=1, clock=lambda: 10.0)
    passed = sum(limiter.passes("MM1", source) for source in range(50_000))
    assert passed < 20_000
    assert limiter.passes("QM1", 0)
