"""The networks of §5: ConvNet for MNIST, VGG for CIFAR-10 on a GPU, WhitenedNet for CIFAR-10 on two cores."""

from rolab.nets.layers import CIFAR10_MEAN, CIFAR10_STD, Residual
from rolab.nets.mnist import MNIST_MEAN, MNIST_STD, ConvNet
from rolab.nets.vgg import VGG
from rolab.nets.whitened import WhitenedNet

__all__ = [
    "CIFAR10_MEAN",
    "CIFAR10_STD",
    "MNIST_MEAN",
    "MNIST_STD",
    "VGG",
    "ConvNet",
    "Residual",
    "WhitenedNet",
]
