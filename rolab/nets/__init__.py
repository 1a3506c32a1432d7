"""The networks of §5: ConvNet for MNIST, VGG and WhitenedNet for CIFAR-10; ScatteringNet of §2 for MNIST.

And the contractive autoencoder of §4.2, which learns the tangents of the images.
"""

from rolab.nets.autoencoder import ContractiveAutoencoder
from rolab.nets.layers import CIFAR10_MEAN, CIFAR10_STD, Residual
from rolab.nets.mnist import MNIST_MEAN, MNIST_STD, ConvNet
from rolab.nets.scattering import Scattering, ScatteringNet
from rolab.nets.vgg import VGG
from rolab.nets.whitened import WhitenedNet

__all__ = [
    "CIFAR10_MEAN",
    "CIFAR10_STD",
    "MNIST_MEAN",
    "MNIST_STD",
    "VGG",
    "ContractiveAutoencoder",
    "ConvNet",
    "Residual",
    "Scattering",
    "ScatteringNet",
    "WhitenedNet",
]
