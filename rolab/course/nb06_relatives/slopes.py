"""Jacobians of a network's logits, whole: what the relatives of Algorithm 1 look at with products only."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from rolab.nets import MNIST_STD
from rolab.objectives import JacobianPenalty, frozen_statistics, operator_norms


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Within the block torch's random numbers come from a seed; the reader's own are left as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def jacobians(model: nn.Module, x: Tensor) -> Tensor:
    """J = ∂z/∂x of each example, as a matrix: (N, …) → (N, K, d), one backward pass for each of K classes."""
    with frozen_statistics(model), torch.enable_grad():
        z = model(leaf := x.detach().requires_grad_())
        rows = [torch.autograd.grad(column.sum(), leaf, retain_graph=True)[0] for column in z.T]
    return torch.stack(rows, 1).flatten(2)


def kl_factor(model: nn.Module, x: Tensor) -> Tensor:
    """B, (N, K, d) in float64, with BᵀB = H = Jᵀ(diag p − ppᵀ)J, the Hessian of KL(p(x) ‖ p(x + Δ)) at 0.

    The singular values of B are the roots of H's eigenvalues, its right singular vectors H's eigenvectors.
    """
    with frozen_statistics(model), torch.no_grad():
        p = model(x).double().softmax(1)
    J = jacobians(model, x).double()
    return p.sqrt()[:, :, None] * (J - torch.einsum("nk,nkd->nd", p, J)[:, None])


def slopes(net: nn.Module, x: Tensor) -> dict[str, float]:
    """What three penalties look at, over images x, and how far the bound is from the steepest slope."""
    J = jacobians(net, x)
    steepest = float(torch.linalg.matrix_norm(J, 2).max())
    with seeded():
        bound = float(operator_norms(net, x[:1]).detach().prod()) / MNIST_STD  # the net divides pixels by it
        layers = float(JacobianPenalty(layerwise=True)(net, x).detach())
    found = {"mean ‖J‖²_F": float(J.square().sum((1, 2)).mean()), "mean Σ‖J_l‖²_F": layers}
    return found | {"largest ‖J‖₂": steepest, "Π‖A_l‖₂": bound, "bound / slope": bound / steepest}
