"""The live explorers of the course.

nets = {name: zoo.load(f"mnist/{name}") for name in ("baseline", "robust-linf")}
explorer = PerturbationExplorer(nets, data.mnist("test"))
explorer.live()                  # sliders; needs a kernel
explorer.figure("baseline", 7)   # the same figure with a slider of its own; needs none
PixelExplorer(nets, data.mnist("test")).live()   # click a pixel
"""

from rolab.course.nb03_perturbations.single_pixel_explorer import PixelExplorer
from rolab.course.nb03_perturbations.sweep_explorer import LARGEST, UNIT_BALLS, PerturbationExplorer

__all__ = [
    "LARGEST",
    "UNIT_BALLS",
    "PerturbationExplorer",
    "PixelExplorer",
]
