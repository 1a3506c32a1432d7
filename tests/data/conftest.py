"""What the tests of CIFAR-10 share: no test needs the network or the real data."""

import http.server
import socketserver
import threading
import time
from contextlib import suppress

import pytest
from tiny_cifar10 import Tiny

from rolab.data import archives, cifar10_images, sources


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    return Tiny(tmp_path_factory.mktemp("published"))


@pytest.fixture
def elsewhere(published, monkeypatch, tmp_path):
    """The tiny CIFAR-10 for the real one, an empty cache and temporary folder, and no way to any network."""
    for name, facts in published.facts().items():
        known = archives.MD5 if name == "MD5" else getattr(cifar10_images, name)
        for key, fact in facts.items():
            monkeypatch.setitem(known, key, fact)
    for name in sources.SOURCES:
        monkeypatch.setitem(sources.SOURCES, name, lambda folder: pytest.fail("a source was asked"))
    monkeypatch.setenv("ROLAB_DATA", str(tmp_path / "cache"))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))


@pytest.fixture
def said():
    """What the fetch says, a line each: pass `said.append`."""
    return []


@pytest.fixture
def site(published):
    """A server on this machine: its address, and what it answers to a path."""
    answers = {"/good": published.archive.read_bytes(), "/wrong": b"something else"}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/silent":
                time.sleep(1.5)
            elif self.path == "/endless":
                self.send_response(200)
                self.end_headers()
                with suppress(OSError):
                    while True:
                        self.wfile.write(bytes(100_000))
            elif self.path == "/short":  # says more than it gives
                self.send_response(200)
                self.send_header("Content-Length", str(len(answers["/good"])))
                self.end_headers()
                self.wfile.write(answers["/good"][:5_000])
            elif self.path in answers:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answers[self.path])
            else:
                self.send_error(404)

        def log_message(self, *arguments):
            pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
