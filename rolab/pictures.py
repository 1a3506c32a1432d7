"""Rows of images: digits, their adversarial examples, perturbations.

Images are on a grey ramp, without axes; pixels below 0 are tinted purple and pixels above 1 orange, so that a
step out of [0, 1] can be seen. Perturbations go from purple through white to orange, scale written ("×10").
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from rolab.figures import INK, PALE, RED, TITLE, WIDTH, Figure, canvas, layout

ENLARGED = 8  # browsers blur small pictures: each pixel becomes so many
PURPLE, ORANGE = (84, 39, 136), (179, 88, 6)  # the two ends of the ramp of a perturbation
BELOW, ABOVE = (190, 140, 255), (230, 97, 0)  # what a pixel below 0 and one above 1 are tinted with


@dataclass(frozen=True, eq=False)
class Row:
    """A row of pictures of one size.

    Attributes:
        images: (n, C, H, W), C = 1 or 3; pixels in [0, 1], what is outside is tinted
        label: stands to the left, along the row
        captions: one below each picture
        circles: for each picture the (row, column) of the pixel to circle, or None
        heading: stands above the row
        gain: where given, the images are perturbations: purple is negative, orange positive, full at ±1/gain;
            one for all images, or one for each (None for a plain image)
    """

    images: Tensor
    label: str = ""
    captions: Sequence[str] = ()
    circles: Sequence[tuple[int, int] | None] = ()
    heading: str = ""
    gain: float | None | Sequence[float | None] = None

    def gains(self) -> Sequence[float | None]:
        """One gain for each image."""
        return self.gain if isinstance(self.gain, Sequence) else [self.gain] * len(self.images)


@dataclass(frozen=True, eq=False)
class Pictures(Figure):
    """Rows of pictures with captions. The unit of its layout is a pixel of the pictures."""

    title: str
    rows: Sequence[Row]
    alt: str = ""
    LARGEST: ClassVar[float] = 6.0  # a pixel of a picture is drawn at most so large
    GAP: ClassVar[int] = 3

    def _parts(self) -> tuple[np.ndarray, float, list[tuple], list[tuple], list[tuple]]:
        """The mosaic (H, W, 3), px a unit, texts (x, y, text, size, anchor, angle), circles, frames."""
        height, width = self.rows[0].images.shape[-2:]
        count = max(len(row.images) for row in self.rows)
        margin = 8 if any(row.label for row in self.rows) else self.GAP
        across = max(margin + count * (width + self.GAP), math.ceil(WIDTH / self.LARGEST))
        scale = WIDTH / across
        left = (across + margin - count * (width + self.GAP)) // 2

        def units(px: float) -> int:
            return math.ceil(px / scale)

        y, tiles = 0, []
        texts: list[tuple] = []
        circles: list[tuple] = []
        frames: list[tuple] = []
        for row in self.rows:
            if row.heading:
                texts.append((left, y + units(14), row.heading, 13, "left", 0))
                y += units(26)
            texts.append((left - units(12), y + height / 2, row.label, 12, "center", 90))
            for i, (image, gain) in enumerate(zip(row.images, row.gains(), strict=True)):
                x = left + i * (width + self.GAP)
                tiles.append((x, y, pixels(image, gain)))
                if gain is not None:
                    frames.append((x, y))
                if i < len(row.captions):
                    texts.append((x + width / 2, y + height + units(11), row.captions[i], 13, "center", 0))
                if i < len(row.circles) and (pixel := row.circles[i]) is not None:
                    circles.append((x + pixel[1] + 0.5, y + pixel[0] + 0.5))
            y += height + (units(26) if row.captions else self.GAP)
        mosaic = np.full((y, across, 3), 255, np.uint8)
        for x, top, tile in tiles:
            mosaic[top : top + height, x : x + width] = tile
        return mosaic, scale, texts, circles, frames

    def plotly(self) -> Any:
        """The figure as a `plotly.graph_objects.Figure`."""
        import plotly.graph_objects as go

        mosaic, scale, texts, circles, frames = self._parts()
        tall, broad = self.rows[0].images.shape[-2:]
        height, width = mosaic.shape[:2]
        fine = 1 / ENLARGED
        place = {"x0": fine / 2, "y0": fine / 2, "dx": fine, "dy": fine}
        figure = go.Figure(go.Image(source=data_uri(mosaic, ENLARGED), hoverinfo="skip", **place))
        for x, y, text, size, anchor, angle in texts:
            font = {"size": size, "color": INK}
            figure.add_annotation(
                x=x, y=y, text=text, font=font, xanchor=anchor, textangle=-angle, showarrow=False
            )
        for x, y in circles:
            ring = {"x0": x - 3, "x1": x + 3, "y0": y - 3, "y1": y + 3}
            figure.add_shape(type="circle", line={"color": RED, "width": 2.5}, **ring)
        for x, y in frames:
            frame = {"x0": x, "x1": x + broad, "y0": y, "y1": y + tall}
            figure.add_shape(type="rect", line={"color": PALE, "width": 1}, **frame)
        hidden = {"visible": False, "fixedrange": True, "constrain": "domain"}
        figure.update_layout(
            **layout(
                round(height * scale) + TITLE,
                self.title,
                margin={"l": 0, "r": 0, "t": TITLE, "b": 0},
                xaxis={**hidden, "range": [0, width]},
                yaxis={**hidden, "range": [height, 0]},
            )
        )
        return figure

    def _matplotlib(self) -> Any:
        from matplotlib.patches import Circle, Rectangle

        mosaic, scale, texts, circles, frames = self._parts()
        tall, broad = self.rows[0].images.shape[-2:]
        high, wide = mosaic.shape[:2]
        height = round(high * scale) + TITLE
        page = canvas(height, self.title)
        axes = page.add_axes((0, 0, 1, 1 - TITLE / height))
        axes.imshow(mosaic, interpolation="nearest", extent=(0, wide, high, 0), aspect="auto")
        for x, y, text, size, anchor, angle in texts:
            axes.text(x, y, text, fontsize=0.72 * size, color=INK, ha=anchor, va="center", rotation=angle)
        for x, y in circles:
            axes.add_patch(Circle((x, y), 3, fill=False, edgecolor=RED, linewidth=1.8))
        for x, y in frames:
            axes.add_patch(Rectangle((x, y), broad, tall, fill=False, edgecolor=PALE, linewidth=0.8))
        axes.set_axis_off()
        return page

    def table(self) -> list[dict[str, Any]]:
        """A row for each picture that has a caption or a circle."""
        found = []
        for row in self.rows:
            for i in range(len(row.images)):
                caption = row.captions[i] if i < len(row.captions) else ""
                pixel = row.circles[i] if i < len(row.circles) else None
                if caption or pixel:
                    name = row.label or row.heading
                    found.append({"row": name, "picture": i + 1, "caption": caption, "pixel": pixel})
        return found or [{"row": row.label or row.heading, "pictures": len(row.images)} for row in self.rows]


def pixels(image: Tensor, gain: float | None = None) -> np.ndarray:
    """An image (C, H, W) as bytes (H, W, 3): grey or colour; with a gain, the ramp of gain · image."""
    values = image.detach().float().cpu().numpy().transpose(1, 2, 0)
    if gain is not None:
        return _toward(np.full((1, 1, 3), 255.0), gain * values.mean(2, keepdims=True), PURPLE, ORANGE)
    inside = values.clip(0, 1)
    beyond = (values - inside).mean(2, keepdims=True)
    return _toward(255 * np.broadcast_to(inside, (*values.shape[:2], 3)), beyond, BELOW, ABOVE)


def _toward(ground: np.ndarray, amount: np.ndarray, negative: tuple, positive: tuple) -> np.ndarray:
    """The ground, tinted with one colour where the amount is negative, with another where it is positive."""
    tint = np.where(amount < 0, negative, positive)
    return np.rint(ground + np.abs(amount).clip(0, 1) * (tint - ground)).astype(np.uint8)


def png_of(image: np.ndarray, enlarged: int = 1) -> bytes:
    """The PNG of bytes (H, W, 3), every pixel drawn `enlarged` times as large."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image).repeat(enlarged, 0).repeat(enlarged, 1)).save(file, "PNG")
    return file.getvalue()


def data_uri(image: np.ndarray, enlarged: int = 1) -> str:
    """The same PNG as a `data:` address, for plotly."""
    return "data:image/png;base64," + base64.b64encode(png_of(image, enlarged)).decode()
