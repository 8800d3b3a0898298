"""What is said about files that cannot be read."""

from __future__ import annotations

import errno
import os
import pwd

from ikev1.config.files import why_unreadable


def test_a_closed_file_is_said_to_be_closed_to_whom() -> None:
    user = pwd.getpwuid(os.geteuid()).pw_name
    error = PermissionError(errno.EACCES, "Permission denied")
    assert why_unreadable(error) == f"cannot be read by user {user}: Permission denied"


def test_a_missing_file_is_missing_for_everybody() -> None:
    error = FileNotFoundError(errno.ENOENT, "No such file or directory")
    assert why_unreadable(error) == "cannot be read: No such file or directory"
