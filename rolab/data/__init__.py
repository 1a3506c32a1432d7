"""Data sets: the images the experiments run on, whole in memory, with where they come from checked by hash.

    train = data.mnist("train")
    train.images            # float32 (60000, 1, 28, 28), pixels in [0, 1]
    train.labels            # int64 (60000,)
    train[:100].to("cuda")  # a Dataset of the first hundred, on the device

    data.cifar10("test", excerpt=True)  # float32 (1000, 3, 32, 32): ships with rolab
    data.cifar10("test")                # all 10,000, once `rolab data fetch cifar10` has brought them

MNIST and the excerpt of CIFAR-10 ship inside the package: `_data/ATTRIBUTION.md` names their authors and
licences, `scripts/build_mnist.py` and `scripts/build_cifar10_excerpt.py` pack them.
"""

from rolab.data.base import Dataset, cache_folder
from rolab.data.cifar10_images import CIFAR10_CLASSES, cifar10
from rolab.data.fetching import fetch_cifar10, is_fetched
from rolab.data.mnist_images import MNIST_CLASSES, mnist

__all__ = [
    "CIFAR10_CLASSES",
    "MNIST_CLASSES",
    "Dataset",
    "cache_folder",
    "cifar10",
    "fetch_cifar10",
    "is_fetched",
    "mnist",
]
