"""What the tests of objectives share: a small net in double precision, a batch, the gradients of a step."""

import torch
from torch import nn

from rolab.objectives import Objective


def batch(n: int = 6, seed: int = 1, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 1, 3, 4, dtype=torch.float64, generator=generator)
    return x, torch.randint(0, classes, (n,), generator=generator)


def small_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3)).double()


def gradients(objective: Objective, model: nn.Module, x, y) -> list[torch.Tensor]:
    return list(torch.autograd.grad(objective(model, x, y), list(model.parameters())))


def net_in_training(dropout: float = 0.5) -> nn.Module:
    """Batch norm and dropout, in training mode, for the images of `batch`."""
    torch.manual_seed(0)
    parts = nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3)
    return nn.Sequential(nn.Flatten(), *parts).double().train()


def explicit_jacobian(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """∂z/∂x of each example, (N, K, d), by reverse differentiation one output and one image at a time."""
    rows = [torch.autograd.functional.jacobian(lambda x: model(x)[0], image[None]) for image in x]
    return torch.stack(rows).flatten(2)
