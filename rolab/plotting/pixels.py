"""Images as bytes: grey and colour, what is out of [0, 1] tinted, perturbations on a ramp; and as PNGs."""

from __future__ import annotations

import base64
import io
import zlib
from typing import Any

import numpy as np

PURPLE, ORANGE = (84, 39, 136), (179, 88, 6)  # the two ends of the ramp of a perturbation
BELOW, ABOVE = (190, 140, 255), (230, 97, 0)  # what a pixel below 0 and one above 1 are tinted with


def pixels(image: Any, gain: float | None = None) -> np.ndarray:
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


def data_uri(image: np.ndarray, enlarged: int = 1) -> str:
    """Bytes (H, W, 3) as a PNG at a `data:` address, every pixel drawn `enlarged` times as large."""
    from PIL import Image

    file = io.BytesIO()
    grey = image[..., 0] if (image == image[..., :1]).all() else image  # a third of the bytes
    large = np.ascontiguousarray(grey).repeat(enlarged, 0).repeat(enlarged, 1)
    runs = {"compress_type": zlib.Z_RLE} if enlarged > 1 else {}  # finds what is repeated, in half the time
    Image.fromarray(large).save(file, "PNG", compress_level=3, **runs)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
