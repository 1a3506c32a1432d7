"""An image, a perturbation and their sum as panels, the perturbation in full colour."""

from collections.abc import Sequence

from torch import Tensor

from rolab.plotting import Panel, Picture, pixels

Place = tuple[float, float, float, float]


def perturbed(
    image: Tensor, d: Tensor, places: Sequence[Place], of_image: str = "", of_sum: str = ""
) -> list[Panel]:
    """x, Δ and x + Δ, each (1, H, W), at three places; the captions say how many times as strong Δ is."""
    strongest = float(d.abs().max())
    gain = 1 / strongest if strongest else 1.0
    shown = pixels(image), pixels(d, gain), pixels(image + d)
    captions = f"x{of_image}", f"Δ ×{gain:.2g}", f"x + Δ{of_sum}"
    return [Panel.picture(Picture(p), at, c) for p, at, c in zip(shown, places, captions, strict=True)]
