"""Files that cannot be read, and those that others could have written."""

from __future__ import annotations

import errno
import os
import pwd
from pathlib import Path

import pytest

from ikev1.config.files import Files, why_unreadable
from ikev1.config.findings import Invalid, Rule


def test_a_closed_file_is_said_to_be_closed_to_whom() -> None:
    user = pwd.getpwuid(os.geteuid()).pw_name
    error = PermissionError(errno.EACCES, "Permission denied")
    reason = why_unreadable(error)
    assert user in reason
    assert "Permission denied" in reason


def test_a_missing_file_is_missing_for_everybody() -> None:
    error = FileNotFoundError(errno.ENOENT, "No such file or directory")
    assert why_unreadable(error).endswith("No such file or directory")
    assert pwd.getpwuid(os.geteuid()).pw_name not in why_unreadable(error)


@pytest.mark.parametrize("mode", [0o666, 0o602])
def test_a_certificate_that_everybody_can_replace_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(b"a certificate")
    file.chmod(0o644)
    read = Files(tmp_path).parsed(bytes.upper)
    assert read("ca.pem") == b"A CERTIFICATE"
    file.chmod(mode)
    for take in (read, Files(tmp_path).collected(lambda content: (content,))):
        with pytest.raises(Invalid) as caught:
            take("ca.pem")
        assert caught.value.rule is Rule.CHANGEABLE_BY_OTHERS
