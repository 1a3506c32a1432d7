"""Tangent propagation, eq. (4): the logits should not change along the tangents of the data."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rolab.arguments import as_rows, short
from rolab.objectives.base import Objective
from rolab.objectives.jacobian import jvp, random_signs, squared_length
from rolab.objectives.robust import frozen_statistics


@dataclass(frozen=True, eq=False, repr=False)
class TangentPropagation(Objective):
    """Σ_u ‖J_o(x) u‖², the mean over the batch: the penalty of eq. (4), `Nominal() + beta * …`.

    u runs over tangents of the data at x, J_o is the Jacobian of all logits o; (4) writes one output. With an
    orthonormal basis the sum depends on the tangent space only, else each direction counts by its length.

    A step takes one random direction, t = Σ_u ±u with random signs for each example: the mean of ‖J_o t‖² is
    the sum, since the products of different signs are 0 in the mean (Hutchinson 1989). The network is looked
    at as in `frozen_statistics`, and labels are not.

    Args:
        tangents: the columns of a basis (d, k) for all examples, or a function of x (N, …) that gives one for
            each, (N, d, k), as those of `rolab.manifold` do
        exact: the sum itself, at the price of k directions

    Raises:
        ValueError: the tangents do not fit x; those for all examples are not finite.
    """

    tangents: Tensor | Callable[[Tensor], Tensor]
    exact: bool = False

    def __post_init__(self) -> None:
        if not callable(self.tangents):
            as_rows(self.tangents, "tangents")

    def __repr__(self) -> str:
        known = isinstance(self.tangents, Tensor)
        name = short(self.tangents) if known else getattr(self.tangents, "__name__", repr(self.tangents))
        return f"TangentPropagation({name}{', exact=True' if self.exact else ''})"

    def __call__(self, model: nn.Module, x: Tensor, y: Tensor | None = None) -> Tensor:
        basis = self._at(x)  # (N or 1, d, k)
        if self.exact:
            directions = basis.unbind(2)
        else:
            signs = random_signs(basis.new_empty(len(x), basis.shape[2], 1))
            directions = ((basis @ signs)[..., 0],)
        with frozen_statistics(model):
            changes = [jvp(model, x, u.expand(len(x), -1).reshape(x.shape))[1] for u in directions]
        return torch.stack([squared_length(change) for change in changes]).sum()

    def _at(self, x: Tensor) -> Tensor:
        """The tangents at x: (N, d, k), or (1, d, k) if all examples share them."""
        shared = isinstance(self.tangents, Tensor)
        basis = self.tangents[None] if isinstance(self.tangents, Tensor) else self.tangents(x.detach())
        n, d = 1 if shared else len(x), x.shape[1:].numel()
        if not isinstance(basis, Tensor) or basis.ndim != 3 or basis.shape[:2] != (n, d):
            expected = f"({d}, k)" if shared else f"({n}, {d}, k) from the function"
            came = tuple(basis.shape[shared:]) if isinstance(basis, Tensor) else basis
            raise ValueError(f"tangents: expected {expected}, got {came!r}")
        return basis.detach().to(x)
