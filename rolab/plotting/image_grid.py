"""Rows of images: digits, their adversarial examples, perturbations.

Images are on a grey ramp, without axes; pixels below 0 are tinted purple and pixels above 1 orange, so that a
step out of [0, 1] can be seen. Perturbations go from purple through white to orange, scale written ("×10").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from rolab.plotting.figure import Figure
from rolab.plotting.marks import Line, Mark, Picture, Points, Text
from rolab.plotting.panels import Panel
from rolab.plotting.pixels import pixels
from rolab.plotting.style import PALE, RED, WIDTH


@dataclass(frozen=True, eq=False)
class ImageRow:
    """A row of pictures of one size; with a gain of perturbations, whose colours are full at ±1/gain."""

    images: Any  # (n, C, H, W), C = 1 or 3; pixels in [0, 1], what is outside is tinted
    label: str = ""  # stands to the left, along the row
    captions: Sequence[str] = ()  # one below each picture
    circles: Sequence[tuple[int, int] | None] = ()  # for each the (row, column) of a pixel, or None
    heading: str = ""  # stands above the row
    gain: float | None | Sequence[float | None] = None  # one for all images, or one for each

    def at(self, k: int) -> tuple[str, tuple[int, int] | None]:
        """The caption of the k-th picture, and the pixel that is circled."""
        caption = self.captions[k] if k < len(self.captions) else ""
        return caption, self.circles[k] if k < len(self.circles) else None


@dataclass(frozen=True, eq=False)
class ImageGrid(Figure):
    """Rows of pictures with captions. The unit of its layout is a pixel of the pictures."""

    title: str
    rows: Sequence[ImageRow]
    alt: str = ""
    MARGIN: ClassVar[tuple[int, int, int, int]] = (0, 0, 46, 0)
    LARGEST: ClassVar[float] = 6.0  # a pixel of a picture is drawn at most so large
    GAP: ClassVar[int] = 3

    def _laid_out(self) -> tuple[np.ndarray, float, list[Mark]]:
        """The mosaic (H, W, 3), px a unit, and what stands on it."""
        height, width = self.rows[0].images.shape[-2:]
        count = max(len(row.images) for row in self.rows)
        margin = 8 if any(row.label for row in self.rows) else self.GAP
        across = max(margin + count * (width + self.GAP), math.ceil(WIDTH / self.LARGEST))
        scale = WIDTH / across
        left = (across + margin - count * (width + self.GAP)) // 2

        def units(px: float) -> int:
            return math.ceil(px / scale)

        y, tiles, marks = 0, [], list[Mark]()
        for row in self.rows:
            if row.heading:
                marks.append(Text(left, y + units(14), row.heading, size=13, anchor="left"))
                y += units(26)
            marks.append(Text(left - units(12), y + height / 2, row.label, size=12, angle=90))
            gains = row.gain if isinstance(row.gain, Sequence) else [row.gain] * len(row.images)
            for i, (image, gain) in enumerate(zip(row.images, gains, strict=True)):
                x, (caption, pixel) = left + i * (width + self.GAP), row.at(i)
                tiles.append((x, y, pixels(image, gain)))
                if gain is not None:
                    corners = [x, x + width, x + width, x, x], [y, y, y + height, y + height, y]
                    marks.append(Line(*corners, PALE, width=1))
                if caption:
                    marks.append(Text(x + width / 2, y + height + units(11), caption, size=13))
                if pixel is not None:
                    ring = {"size": 6 * scale, "hollow": True, "width": 2.5}
                    marks.append(Points([x + pixel[1] + 0.5], [y + pixel[0] + 0.5], RED, **ring))
            y += height + (units(26) if row.captions else self.GAP)
        mosaic = np.full((y, across, 3), 255, np.uint8)
        for x, top, tile in tiles:
            mosaic[top : top + height, x : x + width] = tile
        return mosaic, scale, marks

    @property
    def height(self) -> int:
        """As high as the rows are."""
        mosaic, scale, _ = self._laid_out()
        return round(len(mosaic) * scale) + self.MARGIN[2]

    def panels(self) -> list[Panel]:
        """One, as large as the figure."""
        mosaic, _, marks = self._laid_out()
        high, wide = mosaic.shape[:2]
        return [Panel.picture(Picture(mosaic, (0, wide, high, 0), enlarged=8), marks=marks, frame="")]

    def table(self) -> list[dict[str, Any]]:
        """A row for each picture that has a caption or a circle."""
        found = []
        for row in self.rows:
            for i in range(len(row.images)):
                caption, pixel = row.at(i)
                if caption or pixel:
                    name = row.label or row.heading
                    found.append({"row": name, "picture": i + 1, "caption": caption, "pixel": pixel})
        return found or [{"row": row.label or row.heading, "pictures": len(row.images)} for row in self.rows]
