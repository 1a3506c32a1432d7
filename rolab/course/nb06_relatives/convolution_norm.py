"""The operator norm of a convolution: three answers, of which one is right, [21].

explorer = ConvolutionNormExplorer(kernels(zoo.load("mnist/baseline")))
explorer.at(kernel="blur")
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rolab.course.live import Cache, Choice, Explorer, OneOf, Slide, Toggle
from rolab.course.live.controls import Control
from rolab.course.nb06_relatives.slopes import seeded
from rolab.nets import ConvNet
from rolab.objectives import operator_norms
from rolab.plotting import BLUE, INK, Axis, Cursor, Figure, Line, Panel, Picture, Style, pixels
from rolab.plotting.figure import Legend

SIZES = (5, 6, 7, 8, 10, 12, 14, 16, 20, 24)
STRIDES = (1, 2, 3)
ANSWERS = {
    "reshaped": Style("the kernel, reshaped to a matrix", "#E69F00", "dashdot", "triangle-up"),
    "fft": Style("the largest over all frequencies (FFT)", BLUE, "dash", "square"),
    "operator": Style("the operator, by power iteration", INK),
}
ASKED = OneOf({name: look.label for name, look in ANSWERS.items()})


def kernels(net: ConvNet) -> dict[str, Tensor]:
    """Name → kernel (out, in, k, k): a blur, an edge finder, and those of a trained network."""
    blur = torch.ones(1, 1, 3, 3) / 9
    edges = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    sobel = torch.stack([edges, edges.T])[:, None]
    return {
        "blur": blur,
        "edges": sobel,
        "conv1": net.conv1.weight.detach(),
        "conv2": net.conv2.weight.detach(),
    }


def reshaped_norm(weight: Tensor) -> float:
    """The norm of the kernel as a matrix, out × (in·k·k): what a patch becomes, were there only one."""
    return float(torch.linalg.matrix_norm(weight.flatten(1), 2))


def fft_norm(weight: Tensor, size: int) -> float:
    """The norm of the circular convolution of images size × size: the largest over its frequencies.

    The discrete Fourier transform takes a circular convolution with stride 1 apart, into a matrix out × in
    for each frequency. Kernels are no larger than the images.
    """
    spectra = torch.fft.rfft2(weight.double(), s=(size, size)).permute(2, 3, 0, 1)
    gram = spectra.mH @ spectra if spectra.shape[-1] <= spectra.shape[-2] else spectra @ spectra.mH
    return math.sqrt(max(float(torch.linalg.eigvalsh(gram).max()), 0.0))


def operator_norm(weight: Tensor, size: int, stride: int = 1, padding: int = 0, steps: int = 30) -> float:
    """The norm of the convolution as it is computed: at its input size, with its stride and padding."""
    out, channels, k, _ = weight.shape
    with seeded():
        layer = nn.Conv2d(channels, out, k, stride, padding, bias=False)
        layer.weight = nn.Parameter(weight)
        return float(operator_norms(layer, torch.zeros(1, channels, size, size), steps).detach())


def exact_norm(weight: Tensor, size: int, stride: int = 1, padding: int = 0) -> float:
    """The norm of the convolution as a matrix, which has a column for each pixel: for small inputs."""
    units = torch.eye(weight.shape[1] * size * size, dtype=torch.float64).unflatten(1, (-1, size, size))
    columns = nn.functional.conv2d(units, weight.double(), stride=stride, padding=padding).flatten(1)
    return float(torch.linalg.matrix_norm(columns, 2))


@dataclass(frozen=True, eq=False)
class ConvolutionNormFigure(Figure):
    """The kernel, and the three answers against the input size."""

    name: str
    weight: Tensor
    values: Mapping[str, list[float]]  # of `ANSWERS`, at each of SIZES
    stride: int
    place: int  # of SIZES
    HEIGHT: ClassVar = 400
    MARGIN: ClassVar = (60, 16, 60, 84)
    legend: ClassVar = Legend(0, -0.2, rows=True)
    SEEN: ClassVar = "A convolution's kernel, and three answers to what its norm is, against the input size."

    @property
    def title(self) -> str:  # type: ignore[override]
        reshaped, fft, operator = (self.values[name][self.place] for name in ANSWERS)
        case = f"{SIZES[self.place]} × {SIZES[self.place]}, stride {self.stride}"
        return f"{case}: reshaped {reshaped:.3g}, FFT {fft:.3g}, the operator {operator:.3g}"

    def panels(self) -> list[Panel]:
        kernel = self.weight[:16, 0]
        across = math.ceil(math.sqrt(len(kernel)))
        framed = nn.functional.pad(kernel, (0, 1, 0, 1))
        rows = [torch.cat(list(framed[i : i + across]), 1) for i in range(0, len(kernel), across)]
        wide = rows[0].shape[1]
        mosaic = torch.cat([nn.functional.pad(row, (0, wide - row.shape[1])) for row in rows])[:-1, :-1]
        shown = pixels(mosaic[None], 1 / float(mosaic.abs().max()))
        count = len(self.weight) * self.weight.shape[1]
        caption = f"{self.name}: {min(len(kernel), count)} of {count} filters" if count > 1 else self.name
        lines: list[Any] = [
            Line.of(look, SIZES, self.values[name], marked=True) for name, look in ANSWERS.items()
        ]
        x = Axis("n: the layer's input has n × n pixels", (SIZES[0] - 1, SIZES[-1] + 1))
        top = 1.1 * max(max(values) for values in self.values.values())
        answers = Panel(
            [*lines, Cursor(SIZES[self.place])], x, Axis("operator norm", (0, top)), (0.4, 1, 0, 1)
        )
        return [Panel.picture(Picture(shown), (0, 0.3, 0.2, 0.95), caption), answers]

    def table(self) -> list[dict[str, Any]]:
        answers = {look.label: self.values[name][self.place] for name, look in ANSWERS.items()}
        return [{"n": SIZES[self.place], "stride": self.stride, **answers}]


class ConvolutionNormExplorer(Explorer):
    """Three answers for a kernel, while the input grows.

    Args:
        kernels: name → weights (out, in, k, k), k at most 5
    """

    SLIDE = "size"
    ROWS = ("kernel", "stride", "padded"), ("size",)

    def __init__(self, kernels: Mapping[str, Tensor]) -> None:
        self.kernels, self._found = dict(kernels), Cache(64)

    def controls(self, **state: Any) -> dict[str, Control]:
        return {
            "kernel": Choice("kernel", list(self.kernels)),
            "stride": Choice("stride", list(STRIDES)),
            "padded": Toggle("padded by zeros, half a kernel"),
            "size": Slide("input n", SIZES, 8),
        }

    def values(self, kernel: str, stride: int, padded: bool) -> dict[str, list[float]]:
        """The three answers at all sizes: computed once."""
        weight = self.kernels[kernel]
        padding = weight.shape[-1] // 2 if padded else 0

        def compute() -> dict[str, list[float]]:
            found = {
                "reshaped": [reshaped_norm(weight)] * len(SIZES),
                "fft": [fft_norm(weight, n) for n in SIZES],
            }
            return found | {"operator": [operator_norm(weight, n, stride, padding) for n in SIZES]}

        return self._found.get((kernel, stride, padded), compute)

    def right(self, kernel: str, size: int = 8, stride: int = 2) -> str:
        """Which of the answers is nearest to the norm of the whole matrix."""
        exact, place = exact_norm(self.kernels[kernel], size, stride), SIZES.index(size)
        values = self.values(kernel, stride, False)
        return min(values, key=lambda name: abs(values[name][place] - exact))

    def draw(self, kernel: str, stride: int, padded: bool, size: int) -> ConvolutionNormFigure:  # type: ignore[override]
        values = self.values(kernel, stride, padded)
        return ConvolutionNormFigure(kernel, self.kernels[kernel], values, stride, SIZES.index(size))
