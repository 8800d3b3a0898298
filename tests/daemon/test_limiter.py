"""The bound on lines that strangers cause."""

from __future__ import annotations

from ikev1.daemon.limiter import Limiter


def test_so_many_of_each_kind_pass_in_a_second_and_the_rest_is_counted() -> None:
    now = 10.0
    limiter = Limiter(most=2, clock=lambda: now)
    assert limiter.held_back() == {}
    assert [limiter.passes("malformed") for _ in range(5)] == [True, True, False, False, False]
    assert limiter.passes("unknown-sa")
    now = 10.9
    assert limiter.held_back() == {}
    assert not limiter.passes("malformed")
    now = 11.0
    assert limiter.held_back() == {"malformed": 4}
    assert limiter.held_back() == {}
    assert limiter.passes("malformed")
