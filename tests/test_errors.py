"""All exceptions of the package have one base, are on one of two sides, and carry a stable code."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import ikev1
from ikev1.core.engine import CannotInitiate
from ikev1.core.records.events import Code
from ikev1.core.records.refusal import Refusal
from ikev1.errors import Error, LocalError, RemoteError, describe_bug
from ikev1.wire.registry import NotifyType

BELOW_THE_LOG = ("ikev1.wire", "ikev1.crypto", "ikev1.core", "ikev1.pki")
# Caught where they are raised: no event has their codes
SIGNALS = {"NeedsCertificateCheck", "NeedsSharedSecret", "FetchFailed"}


def exceptions() -> list[type[BaseException]]:
    """Every exception class that a module of the package defines."""
    found = {}
    for module in pkgutil.walk_packages(ikev1.__path__, "ikev1."):
        if module.name.endswith("__main__"):
            continue  # runs when it is imported
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == module.name:
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return [found[name] for name in sorted(found) if found[name] not in (Error, LocalError, RemoteError)]


ALL = exceptions()


def test_there_are_exceptions_to_look_at() -> None:
    assert len(ALL) > 40
    assert Refusal in ALL


@pytest.mark.parametrize("exception", ALL, ids=lambda exception: exception.__qualname__)
def test_an_exception_is_on_one_side_and_has_a_code(exception: type[BaseException]) -> None:
    assert issubclass(exception, Error)
    assert issubclass(exception, LocalError) != issubclass(exception, RemoteError)
    if not issubclass(exception, (Refusal, CannotInitiate)):  # whose instances have one each
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", exception.code)


@pytest.mark.parametrize("exception", ALL, ids=lambda exception: exception.__qualname__)
def test_an_exception_has_a_public_name_and_says_what_it_means(exception: type[BaseException]) -> None:
    assert not exception.__name__.startswith("_")
    assert exception.__doc__
    assert exception.__doc__ != Exception.__doc__


@pytest.mark.parametrize(
    "exception",
    [
        each
        for each in ALL
        if issubclass(each, RemoteError) and each.__module__.startswith(BELOW_THE_LOG) and not issubclass(each, Refusal)
    ],
    ids=lambda exception: exception.__qualname__,
)
def test_what_a_peer_causes_has_a_code_of_an_event_and_a_notify_that_exists(exception: type[RemoteError]) -> None:
    if exception.__name__ not in SIGNALS:
        assert exception.code in set(Code)
    notify = getattr(exception, "notify", None)
    assert notify is None or notify in set(NotifyType)


def test_a_bug_is_described_by_type_and_place_without_what_it_says() -> None:
    def fail(secret: bytes) -> None:
        raise ValueError(secret)

    try:
        fail(b"between us")
    except ValueError as error:
        text = describe_bug(error)
    assert re.fullmatch(r"ValueError at \S*test_errors\.py:\d+ \S+fail", text)
    assert "between us" not in text
