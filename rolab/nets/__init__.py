"""The networks of §5. Pixels come in as [0, 1]; a network standardises them itself.

ConvNet: the paper's MNIST network. VGG: the paper's CIFAR-10 network, for a GPU. WhitenedNet: a CIFAR-10
network that two cores can train.
"""

from rolab.nets.layers import CIFAR10_MEAN, CIFAR10_STD, Dropout, Standardize
from rolab.nets.mnist import MNIST_MEAN, MNIST_STD, ConvNet, PatchConv2d, Patches
from rolab.nets.vgg import VGG
from rolab.nets.whitened import WhitenedNet

__all__ = [
    "CIFAR10_MEAN",
    "CIFAR10_STD",
    "MNIST_MEAN",
    "MNIST_STD",
    "VGG",
    "ConvNet",
    "Dropout",
    "PatchConv2d",
    "Patches",
    "Standardize",
    "WhitenedNet",
]
