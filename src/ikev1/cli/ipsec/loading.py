"""The configuration of a gateway that `ipsec` has started: ipsec.conf, and the conns that were added since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ikev1.cli.ipsec.state import State, StateError, read_state
from ikev1.config import ConfigError, Loaded, load_written
from ikev1.config.findings import Finding, Rule
from ikev1.config.formats.ipsec_conf import read_as
from ikev1.config.formats.written import Places, Written


def load_state(file: Path) -> Loaded:
    """The configuration that the state in ``file`` describes.

    Raises:
        ConfigError: a file cannot be read or used.
    """
    try:
        state = read_state(file)
    except StateError as error:
        raise ConfigError((Finding(file, "", Rule.INVALID_FILE, str(error)),)) from error
    if state is None:
        raise ConfigError((Finding(file, "", Rule.UNREADABLE_FILE, "does not exist: nothing was started"),))
    return load_ipsec(state)


def load_ipsec(state: State) -> Loaded:
    """As `load_state`, for a ``state`` that may not be written yet."""
    written = _merged(_parts(state))
    # after strongSwan and libreswan have ended, nothing is dropped
    written.values.setdefault("gateway", {})["when_stopped"] = "pass"
    return load_written(written, Path(state.config))


def _parts(state: State) -> Iterator[Written]:
    home, config = Path(state.home), Path(state.config)
    left_out = {*state.deleted, *state.added}
    if config.exists():
        try:
            yield read_as(state.dialect, config, home, lambda name: name not in left_out)
        except ConfigError as error:
            if any(finding.rule is not Rule.NOT_IKEV1 for finding in error.findings):
                raise
    for name, file in state.added.items():
        yield read_as(state.dialect, Path(file), home, name.__eq__, by_hand=True)


def _merged(parts: Iterable[Written]) -> Written:
    """All ``parts``; of options of the gateway, the first counts."""
    values: dict[str, Any] = {}
    whole = Written(values, Places())
    for part in parts:
        for name, table in part.values.items():
            values[name] = table | values.get(name, {}) if name == "gateway" else values.get(name, {}) | table
        places = part.places
        places.add(whole.places)
        whole = Written(
            values,
            places,
            None,
            (*whole.files, *part.files),
            (*whole.errors, *part.errors),
            (*whole.warnings, *part.warnings),
        )
    return whole
