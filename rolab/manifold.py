"""Manifold of images: bases of its tangent space, learnt and known, for `Tangent(basis, inner)`. §4.2.

A basis is a matrix (d, k), or (N, d, k), one for each of N images; a column has an entry for each pixel.
Those of 60,000 images would not fit into memory; as functions of a batch they need not:

    U = lambda x: Tangent(encoder_tangents(autoencoder, x), Ball("l2", 1.5))
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from rolab.arguments import as_rows, one_if_zero, whole_number
from rolab.nets import ContractiveAutoencoder

KNOWN_TANGENTS = ("shift x", "shift y", "rotation", "scale", "shear", "thickness")
AT_ONCE = 100  # images whose neighbours are sought at a time


def contractive_penalty(model: ContractiveAutoencoder, h: Tensor) -> Tensor:
    """‖∂h/∂x‖²_F = Σ_j (h_j (1 − h_j))² ‖W_j‖² of hidden units h = σ(Wx + b): (N, hidden) → (N,).

    The closed form of Rifai et al. (2011), with a gradient in the weights: ∂h/∂x = DW has the rows D_j W_j.
    """
    return model.slopes(h).square() @ model.encoder.weight.square().sum(1)


@torch.no_grad()
def encoder_tangents(
    model: ContractiveAutoencoder, x: Tensor, k: int = 15, steps: int = 8, extra: int = 10
) -> Tensor:
    """The k directions that an encoder answers most to: top right singular vectors of J = ∂h/∂x, (N, d, k).

    JᵀJ = WᵀD²W has, but for zeros, the eigenvalues of the smaller JJᵀ = D(WWᵀ)D: some steps of subspace
    iteration there, from the same random start for all images, then Ritz vectors u, whose Jᵀu/σ are
    orthogonal. No matrix (N, hidden, d) is built. Directions with σ = 0 are 0.

    Args:
        model: on the device of x
        x: images (N, …)
        k: how many
        steps: of subspace iteration
        extra: vectors iterated beside the k wanted; the error falls by (σ_{k+extra+1}/σ_k)² in each step
    """
    W = model.encoder.weight
    width = min(whole_number(k, "k", 1, min(W.shape)) + extra, len(W))
    D = model.slopes(model.encode(x)).to(W)[:, :, None]
    gram = W @ W.T
    U = D * torch.randn(len(W), width, generator=torch.Generator().manual_seed(0)).to(W)
    for _ in range(steps):
        U = torch.linalg.qr(D * (gram @ (D * U)))[0]
    squares, V = torch.linalg.eigh(U.mT @ (D * (gram @ (D * U))))
    found = W.T @ (D * (U @ V[..., -k:].flip(-1)))  # Jᵀu, of length σ
    noise = 10 * torch.finfo(W.dtype).eps * squares[:, None, -1:]
    kept = squares[:, None, -k:].flip(-1) > noise
    return torch.where(kept, found / one_if_zero(found.norm(dim=1, keepdim=True)), 0.0)


@torch.no_grad()
def neighbour_tangents(x: Tensor, images: Tensor, k: int = 15, neighbours: int = 100) -> Tensor:
    """The k principal directions of the nearest neighbours of each image, among others: local PCA, (N, d, k).

    Args:
        x: images (N, …)
        images: those among which neighbours are sought, (M, …), on the same device
        k: how many
        neighbours: how many, more than k; an image that is among the others is one of them
    """
    most = whole_number(neighbours, "neighbours", whole_number(k, "k", 1) + 1, len(images))
    points, queries = as_rows(images, "images", finite=False), as_rows(x, "x")
    squares = torch.einsum("md,md->m", points, points)  # no second copy of 60,000 images
    bases = [queries.new_empty(0, queries.shape[1], k)]
    for some in queries.split(AT_ONCE):
        near = (squares - 2 * some @ points.T).topk(most, largest=False).indices
        bases.append(_principal(points[near], k))
    return torch.cat(bases).to(x.dtype)


@torch.no_grad()
def principal_directions(images: Tensor, k: int = 15) -> Tensor:
    """The first k principal directions of images (M, …), which all share: global PCA, (d, k)."""
    points = as_rows(images, "images")
    mean = points.mean(0)
    moments = sum((p - mean).double().T @ (p - mean).double() for p in points.split(5000))
    return torch.linalg.eigh(moments)[1][:, -whole_number(k, "k", 1, points.shape[1]) :].flip(-1).to(images)


def random_directions(width: int, k: int = 15, seed: int = 0) -> Tensor:
    """k orthonormal directions at random, which all share: (width, k), float32."""
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(width, whole_number(k, "k", 1, width), generator=generator))[0]


@torch.no_grad()
def known_tangents(x: Tensor) -> Tensor:
    """The six known tangents of grey images, in the order of `KNOWN_TANGENTS`: (N, 1, H, W) → (N, H·W, 6).

    With the coordinates (u, v) of a pixel, right and down from the middle of the image, and ∂u, ∂v by central
    differences, black outside, they are how x changes as it begins to move along (Simard, LeCun, Denker and
    Victorri: Transformation invariance in pattern recognition, 1998)

        shift x     −∂u x                   scale      −(u ∂u x + v ∂v x)
        shift y     −∂v x                   shear      −v ∂u x
        rotation    v ∂u x − u ∂v x         thickness  |∇x|, the rate at which a disc dilates it

    They are neither of length 1 nor orthogonal. `Tangent` makes them so.
    """
    if x.ndim != 4 or x.shape[1] != 1:
        raise ValueError(f"x: expected grey images (N, 1, H, W), got shape {tuple(x.shape)}")
    framed = F.pad(x, (1, 1, 1, 1))[:, 0]
    du = (framed[:, 1:-1, 2:] - framed[:, 1:-1, :-2]) / 2
    dv = (framed[:, 2:, 1:-1] - framed[:, :-2, 1:-1]) / 2
    v, u = (torch.arange(n, device=x.device, dtype=x.dtype) - (n - 1) / 2 for n in x.shape[2:])
    v = v[:, None]
    moved = -du, -dv, v * du - u * dv, -(u * du + v * dv), -v * du, (du.square() + dv.square()).sqrt()
    return torch.stack(moved, dim=-1).flatten(1, 2)


@torch.no_grad()
def energy_share(basis: Tensor, tangents: Tensor) -> Tensor:
    """The share of each tangent's energy in the span of a basis, ‖QQᵀt‖²/‖t‖² from 0 to 1: (N, T).

    Args:
        basis: its columns Q orthonormal, or 0, as are all but the known tangents: (d, k) or (N, d, k)
        tangents: (N, d, T); the share of a tangent that is 0 is 0
    """
    inside = (basis.to(tangents).mT @ tangents).square().sum(1)
    return inside / one_if_zero(tangents.square().sum(1))


def _principal(points: Tensor, k: int) -> Tensor:
    """The first k principal directions of each of the sets of points (N, M, d): (N, d, k).

    The eigenvectors u of the M × M matrix of products; the directions are Pᵀu/σ, 0 where σ = 0.
    """
    P = (points - points.mean(1, keepdim=True)).double()
    squares, V = torch.linalg.eigh(P @ P.mT)
    found = P.mT @ V[..., -k:].flip(-1)
    kept = squares[:, None, -k:].flip(-1) > 1e-12 * squares[:, None, -1:]
    return torch.where(kept, found / one_if_zero(found.norm(dim=1, keepdim=True)), 0.0)
