"""`ikev1.toml` itself."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

from ikev1.config.files import why_unreadable
from ikev1.config.findings import ConfigError, Finding, Rule
from ikev1.config.formats.toml_places import toml_places
from ikev1.config.formats.written import Written
from ikev1.config.secrets import exposure


def read_toml(file: Path) -> Written:
    """The configuration in the TOML file ``file``.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    line = 0
    try:
        with file.open("rb") as opened:
            exposed = exposure(os.fstat(opened.fileno()))
            text = opened.read().decode()
        return Written(tomllib.loads(text), toml_places(file, text), exposed, (file,))
    except OSError as error:
        rule, reason = Rule.UNREADABLE_FILE, why_unreadable(error)
    except UnicodeDecodeError as error:
        rule, reason = Rule.NOT_TOML, f"not UTF-8 text, which TOML requires: {error.reason}"
    except tomllib.TOMLDecodeError as error:
        rule, reason = Rule.NOT_TOML, f"not TOML: {error}"
        if place := re.search(r"at line (\d+)", str(error)):
            line = int(place[1])
    raise ConfigError((Finding(file, "", rule, reason, line),))
