"""The drawn digit: a page in which networks read what one draws, and are misled, without a kernel.

    drawn_digit()                             at the end of a cell
    drawn_digit().write("drawn_digit.html")   a page of its own: it opens from a folder, and asks for nothing

In a notebook the page is in an `<iframe srcdoc>`: no style and no name gets in or out, and the keys that
JupyterLab takes for itself (arrows, space) reach the pen. A book, Colab and VS Code show it in the same way.
JupyterLab takes scripts and frames out of what it does not trust: there a picture and a sentence are left.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rolab import data, zoo
from rolab.attacks import first_order, minimal_radius
from rolab.experiments.styles import style
from rolab.nets import ConvNet
from rolab.plotting.pixels import ABOVE, BELOW, ORANGE, PURPLE, data_uri, pixels
from rolab.sets import Ball, UncertaintySetLike, pixel_box
from rolab.storage import user_path, write

NETS = ("baseline", "robust-linf")
LARGEST = {"linf": 0.4, "l2": 4.0, "l1": 20.0}  # where the slider ends, in pixel units
STEPS = 2**23 - 1  # of a weight, on each side of 0


def weights(net: nn.Module) -> str:
    """The weights of a `ConvNet` for the page, in base64: 24 bits each, in units of its output's largest.

    That is 424 kB of text instead of 563 for float32. It moves the logits less than single precision does.

    Raises:
        ValueError: it is another network.
    """
    if not isinstance(net, ConvNet):
        raise ValueError(f"net: expected a ConvNet, got {type(net).__name__}")
    tensors, scales, numbers = net.state_dict(), b"", b""
    for layer in ("conv1", "conv2", "linear1", "linear2"):
        rows = torch.column_stack([tensors[f"{layer}.weight"].flatten(1), tensors[f"{layer}.bias"]]).cpu()
        scale = rows.abs().amax(1, keepdim=True).clamp(min=1e-30) / STEPS
        whole = (rows.double() / scale.double()).round().clamp(-STEPS, STEPS).numpy().astype("<i4")
        scales += scale.numpy().astype("<f4").tobytes()
        numbers += whole.reshape(-1, 1).view("u1")[:, :3].tobytes()
    return base64.b64encode(scales + numbers).decode()


def ten_digits() -> data.Dataset:
    """The first test digit of each class."""
    test = data.mnist("test")
    return test[[int((test.labels == k).nonzero()[0]) for k in data.MNIST_CLASSES]]


def first_flips(digit: int = 7, norm: str = "linf") -> dict[str, float]:
    """Net → the smallest radius at which one step in the ball and the pixel box makes it misread the digit.

    The end of the page's slider where there is none up to it.
    """
    some = ten_digits()[digit : digit + 1]
    grid = [LARGEST[norm] * k / 200 for k in range(1, 201)]

    def sets(radii: Tensor) -> UncertaintySetLike:
        return lambda x: Ball(norm, radii) & pixel_box(x)

    found = {}
    for net in NETS:
        model = zoo.load(f"mnist/{net}")
        radii, _ = minimal_radius(model, some.images, some.labels, sets, grid=grid, attack=first_order)
        found[net] = min(float(radii), LARGEST[norm])
    return found


@dataclass(frozen=True, eq=False)
class DrawnDigit:
    """Networks under one slider, beside a pad to draw on.

    Attributes:
        nets: what each network is called in the page → the network
        colors: of each of them
        digits: the ten to choose from, each with its class
        state: what the page opens with, as it stands behind # in a link
    """

    nets: Mapping[str, nn.Module]
    colors: Mapping[str, str]
    digits: data.Dataset
    state: str

    @property
    def alt(self) -> str:
        """What is seen without scripts."""
        return (
            f"The digit {int(self.digits.labels[self._digit])} of MNIST's test set, white on black, 28 by 28 "
            "pixels: the pad of a figure in which two networks read a digit while a slider changes it."
        )

    @property
    def _digit(self) -> int:
        return int(dict(pair.split("=") for pair in self.state.split("&"))["digit"])

    def page(self) -> str:
        """The page, a whole HTML file that asks for no other."""
        folder = files(__package__)
        pictures = (255 * self.digits.images).round().byte().numpy().tobytes()
        given = {
            "nets": [
                {"name": name, "color": self.colors[name], "weights": weights(net)}
                for name, net in self.nets.items()
            ],
            "digits": base64.b64encode(pictures).decode(),
            "labels": self.digits.labels.tolist(),
            "largest": LARGEST,
            "ramp": (PURPLE, ORANGE),
            "beyond": (BELOW, ABOVE),
            "state": self.state,
        }
        parts = {"GIVEN": json.dumps(given, ensure_ascii=False).replace("<", "\\u003c")}
        for name in ("NETWORK", "PAGE"):
            parts[name] = (folder / f"{name.lower()}.js").read_text(encoding="utf-8")
        page = (folder / "page.html").read_text(encoding="utf-8")
        for name, text in parts.items():
            page = page.replace(f"/*{name}*/", text)
        return page

    def write(self, path: str | Path) -> None:
        """Writes the page to a file."""
        write(user_path(path), self.page().encode())

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        picture = data_uri(pixels(self.digits.images[self._digit]), enlarged=5)
        html = (
            f'<div><p><img src="{picture}" alt="{escape(self.alt)}"><br>'
            "Here one draws a digit, and drags until the network is wrong. It needs no kernel, but scripts: "
            "trust this notebook, or run the cell.</p>"
            '<iframe title="Draw a digit, and drag until the network is wrong" '
            'style="width: 100%; max-width: 760px; height: 900px; border: 0" '
            f'srcdoc="{escape(self.page())}"></iframe></div>'
        )
        return {"text/html": html, "text/plain": self.alt}


def drawn_digit(digit: int = 7, norm: str = "linf") -> DrawnDigit:
    """The baseline and the robust ℓ∞ net of the zoo, and ten test digits; opened at ε = 0.

    Args:
        digit: which of the ten is on the pad, 0 to 9
        norm: of the perturbation, "linf", "l2" or "l1"

    Raises:
        ValueError: another digit, or another norm.
    """
    if digit not in data.MNIST_CLASSES:
        raise ValueError(f"digit: expected 0 to 9, got {digit!r}")
    if norm not in LARGEST:
        raise ValueError(f"norm: expected one of {', '.join(LARGEST)}, got {norm!r}")
    styles = {name: style(name) for name in NETS}
    nets = {look.label: zoo.load(f"mnist/{name}") for name, look in styles.items()}
    colors = {look.label: look.color.replace("#000000", "currentColor") for look in styles.values()}
    return DrawnDigit(nets, colors, ten_digits(), f"digit={digit}&norm={norm}")
