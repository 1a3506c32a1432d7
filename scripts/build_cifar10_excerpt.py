#!/usr/bin/env python3
"""Pack the excerpt of CIFAR-10 that ships with rolab: the first 2,000 training and 1,000 test images.

    python scripts/build_cifar10_excerpt.py [ARCHIVE | FOLDER] [--out FILE]

The argument holds the whole of CIFAR-10, as for `rolab data fetch cifar10 --from`; without it the cache does.
Every image is checked against the md5 sums of the whole first, and after packing the file is unpacked again.

Source: Alex Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009. No licence is stated by
the authors. Attribution: ATTRIBUTION.md beside the file.

The images of a split are laid out as one sheet, 25 in a row, which is kept as lossless WebP. All 3,000 take
5.0 MB so, against 6.5 MB as PNG, 5.5 MB with a WebP an image, and 5.1 MB as LZMA of the differences between
neighbouring pixels. The same version of Pillow makes the same file again; another may pack it otherwise.
"""

import argparse
import hashlib
import io
import zipfile
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from rolab.data.archives import decode
from rolab.data.base import cache_folder
from rolab.data.cifar10_images import (
    CIFAR10_FILE,
    EXCERPT_FILE,
    EXCERPT_SIZES,
    read,
    to_sheet,
    unpack_excerpt,
)
from rolab.storage import write

OUT = Path(__file__).parents[1] / "rolab" / "_data" / EXCERPT_FILE
COMMENT = "An excerpt of CIFAR-10 by Alex Krizhevsky, Vinod Nair and Geoffrey Hinton; repacked, without loss"


def originals(source: Path | None) -> dict[str, tuple[Tensor, Tensor]]:
    """Images and labels of both splits, whole, from a source or from the cache."""
    if source is None:
        return {split: read(cache_folder() / CIFAR10_FILE, split) for split in EXCERPT_SIZES}
    splits = decode(source)
    return {split: (splits[f"{split}_images"], splits[f"{split}_labels"]) for split in EXCERPT_SIZES}


def pack(excerpt: dict[str, tuple[Tensor, Tensor]]) -> bytes:
    """The file that ships."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.comment = COMMENT.encode()
        for split, (images, labels) in excerpt.items():
            sheet = io.BytesIO()
            Image.fromarray(to_sheet(images).numpy()).save(
                sheet, "WEBP", lossless=True, quality=100, method=6
            )
            add(archive, f"{split}.webp", sheet.getvalue())
            add(archive, f"{split}.labels", labels.numpy().tobytes())
    return content.getvalue()


def add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add one member with nothing in its header that changes from build to build."""
    member = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    member.create_system, member.external_attr = 3, 0o644 << 16
    archive.writestr(member, content)


def main() -> None:
    """The command line."""
    summary, description = (__doc__ or "").split("\n", 1)
    parser = argparse.ArgumentParser(
        description=summary, epilog=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, help="archive or folder (default: the cache)")
    parser.add_argument("--out", type=Path, default=OUT, help="default: where rolab reads it")
    arguments = parser.parse_args()
    whole = originals(arguments.source)
    excerpt = {split: (whole[split][0][:n], whole[split][1][:n]) for split, n in EXCERPT_SIZES.items()}
    content = pack(excerpt)
    for split, parts in excerpt.items():
        assert all(map(torch.equal, parts, unpack_excerpt(content, split))), (
            f"{split}: the file is not lossless"
        )
    write(arguments.out, content)
    print(f"{arguments.out}: {len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
