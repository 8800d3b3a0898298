"""The network, as far as the loopback: a server in a thread; and the cache, with a clock of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from authority import ec_key
from ikev1.core.records.record import replace
from ikev1.core.records.settings import Revocation
from ikev1.pki.errors import Revoked
from ikev1.pki.fetch import CachedFetcher, FetchFailed, HttpFetcher
from small_pki import Pki


class Handler(BaseHTTPRequestHandler):
    pages: dict[str, bytes]
    over: threading.Event

    def do_GET(self) -> None:
        if self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            while not self.over.wait(0.02):
                try:
                    self.wfile.write(b".")
                except OSError:
                    return
            return
        page = self.pages.get(self.path)
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/crl")
        else:
            self.send_response(200 if page is not None else 404)
        self.end_headers()
        self.wfile.write(page or b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.headers["Content-Type"].encode() + b" " + body)

    def log_message(self, *_: object) -> None:
        """Nothing: pytest's output is for failures."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    Handler.pages = {"/crl": b"a CRL", "/crl?a=b": b"another", "/": b"root", "/empty": b"", "/large": bytes(1001)}
    Handler.over = threading.Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        Handler.over.set()
        running.shutdown()
        thread.join()


def url(server: ThreadingHTTPServer, path: str) -> str:
    return f"http://127.0.0.1:{server.server_port}{path}"


@pytest.mark.parametrize(
    ("path", "page"), [("/crl", b"a CRL"), ("/crl?a=b", b"another"), ("", b"root"), ("/empty", b"")]
)
def test_a_page(server: ThreadingHTTPServer, path: str, page: bytes) -> None:
    assert HttpFetcher()(url(server, path)) == page


def test_a_request_with_a_body(server: ThreadingHTTPServer) -> None:
    assert HttpFetcher()(url(server, "/ocsp"), b"question") == b"application/ocsp-request question"


def test_a_page_that_is_too_large(server: ThreadingHTTPServer) -> None:
    assert len(HttpFetcher(size_limit=1001)(url(server, "/large"))) == 1001
    with pytest.raises(FetchFailed, match="1000 octets"):
        HttpFetcher(size_limit=1000)(url(server, "/large"))


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/elsewhere", 302)])
def test_another_status(server: ThreadingHTTPServer, path: str, status: int) -> None:
    with pytest.raises(FetchFailed, match=f"found {status}"):
        HttpFetcher()(url(server, path))


def test_a_server_that_never_ends(server: ThreadingHTTPServer) -> None:
    began = time.monotonic()
    with suppress(FetchFailed):  # where nothing has arrived in that time
        assert set(HttpFetcher(time_limit=0.2)(url(server, "/slow"))) <= set(b".")
    assert time.monotonic() - began < 60


def test_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(FetchFailed):
        HttpFetcher(time_limit=0.1)(f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_no_server() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(FetchFailed, match="refused"):
        HttpFetcher()(f"http://127.0.0.1:{port}/")


NO_WEB = [
    "",
    "ca.crl",
    "ftp://ca.example/crl",
    "file:///etc/passwd",
    "ldap://ca.example/cn=ca",
    "http://",
    "http://[::1",
]
NO_WEB += ["http://a:b/", "http://a b/", "http://ca.example:99999/", "http://127.0.0.1:1/\r\nX: y"]


@pytest.mark.parametrize("address", NO_WEB)
def test_addresses_that_are_not_asked(address: str) -> None:
    with pytest.raises(FetchFailed):
        HttpFetcher()(address)


class Source:
    """Answers with a number that grows, or fails."""

    def __init__(self) -> None:
        self.times = 0
        self.broken = False

    def __call__(self, url: str, body: bytes | None = None) -> bytes:
        self.times += 1
        if self.broken:
            raise FetchFailed(f"{url}: refused")
        return b"%d" % self.times


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_cache_remembers_for_a_while() -> None:
    source, clock = Source(), Clock()
    fetch = CachedFetcher(source, lifetime=600, clock=clock)
    assert [fetch("a"), fetch("a"), fetch("b"), fetch("a", b"question"), fetch("a", b"question")] == [
        b"1",
        b"1",
        b"2",
        b"3",
        b"3",
    ]
    clock.now += 599
    assert fetch("a") == b"1"
    clock.now += 2
    assert fetch("a") == b"4"


def test_the_cache_remembers_failures_for_less_long() -> None:
    source, clock = Source(), Clock()
    source.broken = True
    fetch = CachedFetcher(source, lifetime=600, patience=30, clock=clock)
    for _ in range(3):
        with pytest.raises(FetchFailed, match="a: refused"):
            fetch("a")
    assert source.times == 1
    source.broken = False
    clock.now += 31
    assert fetch("a") == b"2"


def test_the_cache_is_bounded() -> None:
    source = Source()
    fetch = CachedFetcher(source, size_limit=10 * 1024, clock=Clock())
    for number in range(100):
        fetch(f"{number}")
    assert fetch("99") == b"100"
    assert fetch("0") == b"101"


def test_a_list_from_the_network(pki: Pki, server: ThreadingHTTPServer) -> None:
    leaf = pki.root.issue("C=XX, O=lab, CN=alice", ec_key(10), crl_url=url(server, "/ca.crl"))
    trust = replace(pki.trust, revocation=Revocation.STRICT)
    Handler.pages["/ca.crl"] = pki.root.revocation_list()
    pki.verify(leaf, trust=trust, fetch=CachedFetcher(HttpFetcher()))
    Handler.pages["/ca.crl"] = pki.root.revocation_list([leaf])
    with pytest.raises(Revoked):
        pki.verify(leaf, trust=trust, fetch=CachedFetcher(HttpFetcher()))
