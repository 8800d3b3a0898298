"""The daemon as a process: it starts from a file, obeys signals, and gives everything back."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import vici

from ikev1.capture.read import open_capture
from ikev1.config import ConfigError
from ikev1.daemon.host.data_plane_choice import PlaneChoice
from ikev1.daemon.process import run

if TYPE_CHECKING:
    from tests.daemon.conftest import CountingPlane

CONFIGURATION = """
[gateway]
listen = ["127.0.0.1"]
port = {port}
encapsulation_port = {encapsulation_port}
control = "control.vici"
keylog = "keys"
record = "messages.pcapng"

[connection.branch]
remote_address = "127.0.0.9"
secret = "only for this test"

[connection.branch.tunnel.net]
local = "10.1.0.0/16"
remote = "10.2.0.0/16"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second,
    ):
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        ports = {"port": first.getsockname()[1], "encapsulation_port": second.getsockname()[1]}
    file = tmp_path / "ikev1.toml"
    file.touch(0o600)
    file.write_text(CONFIGURATION.format(**ports))
    return file


class Ear(logging.Handler):
    """Hears what the daemon logs, and waits for words."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._heard = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self._heard:
            self.text += record.getMessage() + "\n"
            self._heard.notify_all()

    def wait_for(self, words: str) -> None:
        with self._heard:
            assert self._heard.wait_for(lambda: words in self.text, 60), self.text


@pytest.fixture
def ear() -> Iterator[Ear]:
    ear, logger = Ear(), logging.getLogger("ikev1")
    logger.addHandler(ear)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    yield ear
    logger.setLevel(level)
    logger.removeHandler(ear)


def tunnels(control: Path) -> list[str]:
    """The tunnels that the daemon knows."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(60)
        stream.connect(str(control))
        (connection,) = vici.Session(stream).list_conns()
        return list(connection["branch"]["children"])


class Conversation(threading.Thread):
    """Talks to the daemon that runs in the main thread, and ends it whatever happens."""

    def __init__(self, talk: Callable[[], None]) -> None:
        super().__init__()
        self._talk = talk
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self._talk()
        except BaseException as error:
            self.failure = error
        finally:
            os.kill(os.getpid(), signal.SIGTERM)


def live(file: Path, plane: type[CountingPlane], talk: Callable[[], None]) -> list[CountingPlane]:
    """Run the daemon while ``talk`` lasts; the data planes that it made come back."""
    planes: list[CountingPlane] = []

    def make(listener: Any, send_udp: Any) -> CountingPlane:
        planes.append(plane(listener, send_udp))
        return planes[-1]

    conversation = Conversation(talk)
    conversation.start()
    run(file, plane=lambda _: PlaneChoice("counting", "it is a test", make))
    conversation.join()
    if conversation.failure is not None:
        raise conversation.failure
    return planes


@pytest.mark.parametrize("name", ["keys", "messages.pcapng"])
def test_a_file_that_cannot_be_had_leaves_no_data_plane_behind(file: Path, name: str) -> None:
    def never(listener: Any, send_udp: Any) -> CountingPlane:
        raise AssertionError

    (file.parent / name).mkdir()
    with pytest.raises(IsADirectoryError):
        run(file, plane=lambda _: PlaneChoice("counting", "it is a test", never))


@pytest.mark.parametrize("port", ["port", "encapsulation_port"])
def test_a_second_gateway_by_mistake_touches_nothing_of_the_first(file: Path, port: str) -> None:
    """Neither files nor the data plane, before it knows that the ports are its own."""

    def never(listener: Any, send_udp: Any) -> CountingPlane:
        raise AssertionError

    for name in ("keys", "messages.pcapng"):
        (file.parent / name).touch(0o600)
    taken = int(file.read_text().split(f"\n{port} = ")[1].split()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first:
        first.bind(("127.0.0.1", taken))
        with pytest.raises(OSError, match="in use"):
            run(file, plane=lambda _: PlaneChoice("counting", "it is a test", never))
    assert [(file.parent / name).read_bytes() for name in ("keys", "messages.pcapng")] == [b"", b""]
    assert not (file.parent / "control.vici").exists()


def test_it_serves_until_it_is_told_to_end(file: Path, counting_plane: type[CountingPlane], ear: Ear) -> None:
    control = file.parent / "control.vici"

    def talk() -> None:
        ear.wait_for("listening on ports")
        assert tunnels(control) == ["net"]

    planes = live(file, counting_plane, talk)
    assert not control.exists()
    assert [plane.closed for plane in planes] == [True]
    assert "data plane counting: it is a test" in ear.text
    assert str(file.parent / "keys") in ear.text
    assert str(file.parent / "messages.pcapng") in ear.text
    with open_capture(file.parent / "messages.pcapng") as recorded:
        assert list(recorded) == []
        assert recorded.notes() == ()
    assert "only for this test" not in ear.text


def test_sighup_reads_the_file_again_and_a_broken_file_changes_nothing(
    file: Path, counting_plane: type[CountingPlane], ear: Ear
) -> None:
    control, good = file.parent / "control.vici", file.read_text()
    seen: list[list[str]] = []

    def talk() -> None:
        ear.wait_for("listening on ports")
        seen.append(tunnels(control))
        for content, words in (
            (good.replace("tunnel.net", "tunnel.other"), "configuration loaded"),
            (good.replace("10.1.0.0/16", "10.1.0.0/99"), "configuration not reloaded"),
        ):
            file.write_text(content)
            os.kill(os.getpid(), signal.SIGHUP)
            ear.wait_for(words)
            seen.append(tunnels(control))

    live(file, counting_plane, talk)
    assert seen == [["net"], ["other"], ["other"]]
    assert "10.1.0.0/99" in ear.text


def test_the_supervisor_hears_when_it_serves_reads_again_and_ends(
    file: Path, counting_plane: type[CountingPlane], ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(file.parent / "notify"))
        supervisor.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(file.parent / "notify"))

        def talk() -> None:
            assert supervisor.recv(100) == b"READY=1"
            os.kill(os.getpid(), signal.SIGHUP)
            assert [supervisor.recv(100) for _ in range(2)] == [b"RELOADING=1", b"READY=1"]

        live(file, counting_plane, talk)
        assert supervisor.recv(100) == b"STOPPING=1"


def test_what_cannot_be_had_is_an_error_before_anything_runs(file: Path, counting_plane: type[CountingPlane]) -> None:
    good = file.read_text()
    file.write_text("[gateway]\nport = 'five hundred'\n")
    with pytest.raises(ConfigError):
        run(file, plane=lambda _: PlaneChoice("counting", "it is a test", counting_plane))
    file.write_text(good.replace('["127.0.0.1"]', '["192.0.2.1"]'))
    with pytest.raises(OSError, match="assign requested address"):
        run(file, plane=lambda _: PlaneChoice("counting", "it is a test", counting_plane))
    assert not (file.parent / "control.vici").exists()
