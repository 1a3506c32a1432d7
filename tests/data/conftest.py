"""What the tests of CIFAR-10 share: no test needs the network or the real data."""

import http.server
import socketserver
import threading
import time

import pytest
import torchvision
from tiny_cifar10 import Tiny, md5_of

from rolab.data import cifar10_images, sources


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    return Tiny(tmp_path_factory.mktemp("published"))


@pytest.fixture
def elsewhere(published, monkeypatch, tmp_path):
    """The tiny CIFAR-10 for the real one, an empty cache and temporary folder, and no way to any network."""
    for name, facts in published.facts().items():
        for split, fact in facts.items():
            monkeypatch.setitem(getattr(cifar10_images, name), split, fact)
    for lists in ("train_list", "test_list"):
        names = [name for name, _ in getattr(torchvision.datasets.CIFAR10, lists)]
        known = [[name, md5_of(published.python_folder / name)] for name in names]
        monkeypatch.setattr(torchvision.datasets.CIFAR10, lists, known)
    meta = torchvision.datasets.CIFAR10.meta | {"md5": md5_of(published.python_folder / "batches.meta")}
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "meta", meta)
    monkeypatch.setattr(sources, "ARCHIVE_MD5", md5_of(published.archive))
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
