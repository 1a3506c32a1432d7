"""The operator norms of a network's layers [21], at the input sizes that they meet."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from rolab.arguments import one_if_zero, whole_number
from rolab.attacks.first_order import full_precision
from rolab.nets.layers import temporarily
from rolab.objectives.base import Objective
from rolab.objectives.jacobian import layer_inputs
from rolab.objectives.robust import frozen_statistics


def operator_norms(model: nn.Module, x: Tensor, steps: int = 50) -> Tensor:
    """‖A_l‖₂ = max ‖A_l v‖₂ / ‖v‖₂ of each linear and convolutional layer, in the order of the forward: (L,).

    A_l is the layer without its bias, as an operator on inputs of the size that it meets for images like x,
    with its stride and its padding. The norm of the kernel as a matrix is another number, and no bound of it.
    In a chain with activations and poolings that do not expand, the product bounds the Lipschitz constant.

    v is the best direction of the Krylov space of A_lᵀA_l, v₀, A_lᵀA_l v₀, …, after so many `steps` from a
    random v₀ (Lanczos). The power method ends in one vector of this space, so it cannot be nearer. It is held
    constant: the result is a bound from below, differentiable in the weights, and its gradient is that of the
    norm as far as v is right.

    Raises:
        ValueError: the model has no such layer, or `steps` is no whole number from 1 on.
    """
    whole_number(steps, "steps", 1)
    met: list[tuple[nn.Module, torch.Size]] = []

    def note(layer: nn.Module, h: Tensor) -> Tensor:
        met.append((layer, h.shape[1:]))
        return h

    in_eval_mode = temporarily([(part, "training", False) for part in model.modules()])
    with torch.no_grad(), in_eval_mode, layer_inputs(model, note):
        model(x[:1])
    if not met:
        raise ValueError("model: expected linear or convolutional layers, got none")
    with frozen_statistics(model), full_precision(x):
        return torch.stack([_norm(layer, shape, steps) for layer, shape in met])


@dataclass(frozen=True)
class OperatorNorm(Objective):
    """Σ_l ‖A_l‖₂² over the linear and convolutional layers, to be added to a loss; `operator_norms` says how.

    A step begins at a random direction of torch's, and not where the last one ended: what a step depends on
    is in the weights and the random numbers alone, so a run that is resumed ends with the same bits. What a
    warm start would save, the Krylov space does: some steps from anywhere are as good as many of the power
    method.

    Args:
        steps: products with A_lᵀA_l in each training step

    Raises:
        ValueError: `steps` is no whole number from 1 on.
    """

    steps: int = 6

    def __post_init__(self) -> None:
        whole_number(self.steps, "steps", 1)

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor | None = None) -> Tensor:
        return operator_norms(model, x, self.steps).square().sum()


def _norm(layer: nn.Module, shape: torch.Size, steps: int) -> Tensor:
    """‖A v‖ with the best unit vector v of the Krylov space, a constant."""
    bias: Tensor | None = layer.bias  # type: ignore[assignment]
    no_bias = {} if bias is None else {"bias": torch.zeros_like(bias)}

    def A(v: Tensor) -> Tensor:
        return functional_call(layer, no_bias, v.view(1, *shape)).flatten()

    weight = next(layer.parameters())
    v = torch.randn(shape.numel(), dtype=weight.dtype, device=weight.device)
    basis = v.new_zeros(min(steps, len(v)), len(v))  # of the Krylov space, orthonormal
    images = []
    rounding = 100 * torch.finfo(v.dtype).eps
    with torch.enable_grad():
        for i in range(len(basis)):
            v = v / one_if_zero(v.norm())
            for _ in range(2):  # the second time takes away what the first one's rounding brought in
                v = v - basis.T @ (basis @ v)
                v = v / one_if_zero(v.norm()) * (v.norm() > rounding)  # 0 where the space is exhausted
            basis[i] = v
            Av = A(v.requires_grad_())
            images.append(Av.detach())
            (v,) = torch.autograd.grad(Av, v, images[-1] / one_if_zero(images[-1].norm()))
    B = torch.stack(images)
    B = B / one_if_zero(B.abs().max())
    gram = (B @ B.T).nan_to_num()  # of a net that diverged: the loss, not `eigh`, is to say so
    best = torch.linalg.eigh(gram).eigenvectors[:, -1] @ basis
    return A(best / one_if_zero(best.norm())).norm()
