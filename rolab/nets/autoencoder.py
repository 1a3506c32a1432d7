"""Contractive autoencoder: what its encoder still answers to is what moves along the manifold of images."""

import torch
from torch import Tensor, nn

from rolab.arguments import check_images


class ContractiveAutoencoder(nn.Module):
    """An encoder of one layer whose decoder has its weights, transposed: h = σ(Wx + b), x̂ = σ(Wᵀh + c).

    Takes pixels in [0, 1] of shape (N, *shape), returns the logits of the pixels, Wᵀh + c: (N, d).

    It is contractive where ‖∂h/∂x‖²_F is part of what training descends: `objectives.Contractive`. Then h
    stands still but for the changes of x without which nothing could be reconstructed, those from one image
    to its like: the top singular vectors of ∂h/∂x span the tangent space, `manifold.encoder_tangents` (Rifai
    et al.: Contractive auto-encoders, 2011; The manifold tangent classifier, 2011).
    """

    def __init__(self, hidden: int = 256, shape: tuple[int, ...] = (1, 28, 28)) -> None:
        super().__init__()
        self.shape = shape
        self.encoder = nn.Linear(torch.Size(shape).numel(), hidden)
        self.pixel_bias = nn.Parameter(torch.zeros(self.encoder.in_features))

    def encode(self, x: Tensor) -> Tensor:
        """The hidden units h of images x, each in (0, 1): (N, hidden)."""
        check_images(x, *self.shape)
        return torch.sigmoid(self.encoder(x.flatten(1)))

    def decode(self, h: Tensor) -> Tensor:
        """The logits of the pixels: (N, hidden) → (N, d)."""
        return h @ self.encoder.weight + self.pixel_bias

    def slopes(self, h: Tensor) -> Tensor:
        """h (1 − h), the diagonal of D in the Jacobian ∂h/∂x = DW: (N, hidden)."""
        return h * (1 - h)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))
