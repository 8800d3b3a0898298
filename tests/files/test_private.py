"""What another local user prepares for us: files and folders that we must not use."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from ikev1.files.private import check_folder, check_private, open_private, read_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_for_its_owner_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        os.close(open_private(tmp_path / "keys", os.O_WRONLY))
    finally:
        os.umask(before)
    assert mode(tmp_path / "keys") == 0o600


@pytest.mark.parametrize("loose", [0o644, 0o666, 0o620, 0o604, 0o755])
def test_a_file_that_others_can_open_is_closed_to_them_and_keeps_its_content(tmp_path: Path, loose: int) -> None:
    file = tmp_path / "keys"
    file.write_text("before\n")
    file.chmod(loose)
    descriptor = open_private(file, os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, b"after\n")
    os.close(descriptor)
    assert (mode(file), file.read_text()) == (0o600, "before\nafter\n")


def test_an_owner_may_take_more_rights_from_itself(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.touch(0o400)
    os.close(open_private(file, os.O_RDONLY))
    assert mode(file) == 0o400


@pytest.mark.parametrize("target", ["there", "not there"])
def test_a_link_to_a_file_of_ours_is_not_followed(tmp_path: Path, target: str) -> None:
    victim = tmp_path / "victim"
    if target == "there":
        victim.touch(0o644)
    (tmp_path / "keys").symlink_to(victim)
    for look in (lambda path: open_private(path, os.O_WRONLY), check_private):
        with pytest.raises(PermissionError, match=r"."):
            look(tmp_path / "keys")
    assert victim.exists() == (target == "there")
    assert target != "there" or mode(victim) == 0o644


def test_a_second_name_of_a_file_of_ours_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch(0o644)
    (tmp_path / "keys").hardlink_to(victim)
    with pytest.raises(PermissionError, match=" 2 "):
        open_private(tmp_path / "keys", os.O_WRONLY)
    assert mode(victim) == 0o644


def test_a_file_that_is_written_anew_loses_its_content_only_if_it_is_ours(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("before")
    (tmp_path / "second").hardlink_to(file)
    with pytest.raises(PermissionError):
        open_private(file, os.O_WRONLY | os.O_TRUNC)
    assert file.read_text() == "before"
    (tmp_path / "second").unlink()
    os.close(open_private(file, os.O_WRONLY | os.O_TRUNC))
    assert file.read_text() == ""


def test_a_fifo_with_nobody_at_its_other_end_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "keys")
    for flags in (os.O_WRONLY, os.O_RDWR):
        with pytest.raises(OSError, match=r"."):
            open_private(tmp_path / "keys", flags)


@pytest.mark.root
def test_a_file_of_another_user_is_refused_though_root_could_use_it(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.touch(0o600)
    os.chown(file, 1234, -1)
    for look in (
        lambda path: open_private(path, os.O_WRONLY),
        lambda path: read_private(path, of_user=True),
        check_private,
    ):
        with pytest.raises(PermissionError, match="user 1234"):
            look(file)


def test_a_file_that_is_missing_beside_ours_is_fine(tmp_path: Path) -> None:
    check_private(tmp_path / "keys")
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize("loose", [0o777, 0o1777, 0o702])
def test_a_folder_in_which_others_can_put_files_is_refused(tmp_path: Path, loose: int) -> None:
    check_folder(tmp_path)
    tmp_path.chmod(loose)
    with pytest.raises(PermissionError, match=re.escape(f"{loose:04o}")):
        check_folder(tmp_path)


def test_a_folder_that_others_can_replace_from_above_is_refused(tmp_path: Path) -> None:
    (tmp_path / "above" / "below").mkdir(parents=True)
    (tmp_path / "above").chmod(0o1777)
    check_folder(tmp_path / "above" / "below")  # as in /tmp, where nobody can rename what is not his
    (tmp_path / "above").chmod(0o777)
    with pytest.raises(PermissionError, match=r"above'$"):
        check_folder(tmp_path / "above" / "below")
    (tmp_path / "above").chmod(0o700)


def test_a_link_to_a_folder_is_as_good_as_the_folder(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    with pytest.raises(PermissionError, match=r"open'$"):
        check_folder(tmp_path / "link")


@pytest.mark.root
def test_the_group_of_root_and_our_own_may_write_to_a_folder_and_no_other_group(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    check_folder(tmp_path)
    os.chown(tmp_path, -1, 1234)
    with pytest.raises(PermissionError, match="0770"):
        check_folder(tmp_path)


@pytest.mark.root
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, -1)
    with pytest.raises(PermissionError, match="user 1234"):
        check_folder(tmp_path)
