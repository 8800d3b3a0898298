"""What a process gives up, as the kernel tells it; each in a process of its own, for nothing of it comes back."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ikev1.daemon.host.privileges import KEPT

KEPT_BITS = sum(1 << number for number in KEPT.values())


def process(code: str) -> str:
    """What a new process prints that runs ``code`` after it imported what is tested."""
    imports = (
        "import os, threading\n"
        "from ikev1.daemon.host.privileges import PrivilegeError, hide_memory, reduce_privileges\n"
    )
    done = subprocess.run([sys.executable, "-c", imports + code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_no_capability_is_left_but_those_for_sockets_and_devices() -> None:
    said = process("reduce_privileges(); print(open('/proc/self/status').read())")
    status = dict(line.split(":\t", 1) for line in said.splitlines() if ":\t" in line)
    had = int(dict(line.split(":\t", 1) for line in _own_status())["CapPrm"], 16)
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == had & KEPT_BITS
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    if os.geteuid() == 0:
        assert int(status["CapBnd"], 16) & ~KEPT_BITS == 0


def _own_status() -> list[str]:
    return [line for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line]


def test_what_was_given_up_does_not_come_back_by_a_program_of_root() -> None:
    said = process(
        "import subprocess\nreduce_privileges()\nprint(subprocess.run(['cat', '/proc/self/status'], "
        "capture_output=True, text=True).stdout)"
    )
    (effective,) = (line for line in said.splitlines() if line.startswith("CapEff"))
    assert int(effective.split()[1], 16) & ~KEPT_BITS == 0


@pytest.mark.root
def test_missing_folders_are_made_and_belong_to_the_user(tmp_path: Path) -> None:
    """``daemon`` is a user of every Debian; he need not be able to read this Python."""
    old, new = tmp_path / "old", tmp_path / "new" / "deep"
    old.mkdir()
    process(
        "import pwd\n"
        f"from pathlib import Path\ntry: reduce_privileges('daemon', None, [Path({str(old)!r}), Path({str(new)!r})])\n"
        "except PrivilegeError as error: assert 'part of this program' in str(error), error\n"
        "assert os.getresuid() == (pwd.getpwnam('daemon').pw_uid,) * 3, os.getresuid()\n"
        "assert 0 not in os.getgroups(), os.getgroups()"
    )
    assert old.stat().st_uid == 0
    assert (new.owner(), new.stat().st_mode & 0o777) == ("daemon", 0o750)


@pytest.mark.parametrize(
    ("user", "group", "reason"),
    [
        ("nobody-of-this-name", "None", "user 'nobody-of-this-name'"),
        ("daemon", "'no-group-of-this-name'", "group 'no-group-of-this-name'"),
    ],
)
def test_who_does_not_exist_is_named(user: str, group: str, reason: str) -> None:
    said = process(f"try: reduce_privileges({user!r}, {group})\nexcept PrivilegeError as error: print(error)")
    assert reason in said


def test_only_root_can_become_somebody_else() -> None:
    said = process(
        "if os.geteuid() == 0: os.setresuid(65534, 65534, 65534)\n"
        "try: reduce_privileges('daemon')\nexcept PrivilegeError: print('refused')"
    )
    assert said == "refused"


def test_who_one_is_already_is_no_error() -> None:
    process(
        "import pwd\nme = pwd.getpwuid(os.geteuid())\n"
        "if os.getegid() == me.pw_gid: reduce_privileges(me.pw_name)\nelse: reduce_privileges()"
    )


def test_no_thread_may_run_that_would_keep_everything() -> None:
    said = process(
        "wait = threading.Event(); thread = threading.Thread(target=wait.wait); thread.start()\n"
        "try: reduce_privileges()\nexcept PrivilegeError as error: print(error)\n"
        "wait.set(); thread.join()"
    )
    assert "another thread of this process would keep them" in said


def test_the_command_reaches_that_point_with_one_thread() -> None:
    """Some libraries start threads when they are imported."""
    assert process("import ikev1.cli.run\nprint(len(os.listdir('/proc/self/task')))") == "1"


def test_a_crash_leaves_nothing_of_the_memory() -> None:
    said = process(
        "import ctypes, resource\nhide_memory()\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    assert said == "(0, 0) 0"


@pytest.mark.root
def test_another_process_of_the_same_user_cannot_look_into_its_memory() -> None:
    """The environment of a process is a part of its memory, and what a neighbour may read by the weakest rule."""
    said = process(
        "import ctypes\n"
        "def neighbour():\n"
        "    pid = os.fork()\n"
        "    if pid:\n"
        "        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])\n"
        "    try: open(f'/proc/{os.getppid()}/environ', 'rb').read()\n"
        "    except PermissionError: os._exit(1)\n"
        "    os._exit(0)\n"
        "os.setresuid(65534, 65534, 65534)\n"
        "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as in a process that never was another user's\n"
        "before = neighbour()\n"
        "hide_memory()\n"
        "print(before, neighbour())"
    )
    assert said == "0 1"


@pytest.mark.parametrize(("options", "dumpable"), [([], "0"), (["--core-dumps"], "1")])
def test_the_command_hides_its_memory_before_it_reads_a_secret(options: list[str], dumpable: str) -> None:
    said = process(
        "import ctypes, click\nfrom ikev1.cli.run import run\n"
        "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"
        f"try: run.main(['--config', '/nonexistent', *{options!r}], standalone_mode=False)\n"
        "except click.ClickException: print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    assert said == dumpable
