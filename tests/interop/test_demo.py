"""The demo, with a real end at several moments: no process, namespace, device or file of it outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

MARK = "IKEV1_DEMO_TEST"  # in the environment of everything that a demo starts
PATIENCE = 60.0  # seconds for the demo to come to a moment
MOMENTS = ("Two IKEv1 gateways", "MM3", "QM3", "A file through the tunnel")  # lines that it prints

Result = TypeVar("Result")


class Demo:
    """A demo in a process group of its own, whose temporary files are in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._held: list[int] = []
        self._mark = f"{MARK}={folder}".encode()
        environment = os.environ | {MARK: str(folder), "TMPDIR": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", "ikev1", "demo"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def await_line(self, part: str) -> None:
        assert self.process.stdout is not None
        assert any(part in line for line in self.process.stdout), f"the demo ended before it printed {part}"

    def processes(self) -> set[int]:
        return {pid for pid in pids() if self._mark in (of_process(pid, environment_of) or b"")}

    def namespaces(self) -> set[str]:
        """The network namespaces that it has made by now.

        They are held open until `close`: no namespace of another test gets the number of one of them.
        """
        self._held += [held for pid in self.processes() if (held := of_process(pid, hold_network_of)) is not None]
        return {network_at(f"/proc/self/fd/{held}") for held in self._held} - {network_at("/proc/self/ns/net")}

    def close(self) -> None:
        while self._held:
            os.close(self._held.pop())


def pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def network_at(link: str) -> str:
    """The namespace that ``link`` leads to, as ``net:[number]``."""
    return f"net:[{os.stat(link).st_ino}]"


def network_of(pid: int) -> str:
    return network_at(f"/proc/{pid}/ns/net")


def hold_network_of(pid: int) -> int:
    return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def of_process(pid: int, ask: Callable[[int], Result]) -> Result | None:
    """None if the process is gone, or a zombie."""
    try:
        return ask(pid)
    except OSError:
        return None


def await_that(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_nothing_is_left(demo: Demo, namespaces: set[str], devices: set[str], folder: Path) -> None:
    assert demo.processes() == set()
    assert namespaces & {of_process(pid, network_of) for pid in pids()} == set()
    assert not any(
        each in Path("/proc/self/mountinfo").read_text() for each in namespaces
    )  # one may be bound to a file
    assert set(os.listdir("/sys/class/net")) <= devices
    assert list(folder.iterdir()) == []


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    if os.geteuid() != 0 or not Path("/dev/net/tun").exists():
        pytest.skip("the demo is looked at as root, where there is /dev/net/tun")
    demo = Demo(tmp_path)
    yield demo
    demo.close()


@pytest.fixture
def devices() -> set[str]:
    return set(os.listdir("/sys/class/net"))


def test_it_ends_by_itself(devices: set[str], demo: Demo, tmp_path: Path) -> None:
    demo.await_line(MOMENTS[0])
    namespaces = demo.namespaces()
    output, _ = demo.process.communicate(timeout=PATIENCE)
    assert demo.process.returncode == 0, output
    assert len(namespaces) == 2
    assert_nothing_is_left(demo, namespaces, devices, tmp_path)


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        *((signal.SIGTERM, moment) for moment in MOMENTS),
        (signal.SIGHUP, "MM3"),
        (signal.SIGINT, "A file through the tunnel"),
    ],
)
def test_a_signal_ends_it(devices: set[str], demo: Demo, tmp_path: Path, number: signal.Signals, moment: str) -> None:
    demo.await_line(moment)
    namespaces = demo.namespaces()
    demo.process.send_signal(number)
    demo.process.communicate(timeout=PATIENCE)
    assert demo.process.returncode == 128 + number
    assert len(namespaces) == 2
    assert_nothing_is_left(demo, namespaces, devices, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_before_there_are_namespaces(
    devices: set[str], demo: Demo, tmp_path: Path, number: signal.Signals
) -> None:
    await_that(lambda: list(tmp_path.iterdir()))
    demo.process.send_signal(number)
    demo.process.communicate(timeout=PATIENCE)
    assert demo.process.returncode == 128 + number
    assert_nothing_is_left(demo, set(), devices, tmp_path)


def test_the_end_of_what_runs_inside_ends_it(devices: set[str], demo: Demo, tmp_path: Path) -> None:
    demo.await_line("MM3")
    namespaces = demo.namespaces()
    for pid in demo.processes() - {demo.process.pid}:
        os.kill(pid, signal.SIGKILL)
    demo.process.communicate(timeout=PATIENCE)
    assert demo.process.returncode != 0
    assert_nothing_is_left(demo, namespaces, devices, tmp_path)
