"""Whole Jacobians and the factor of the KL's Hessian, against the operators of the library."""

import torch
from torch import nn

from rolab.course.nb06_relatives.slopes import jacobians, kl_factor, slopes
from rolab.nets import MNIST_STD
from rolab.objectives import KLHessian


def small_net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 4)).double()


def test_the_jacobian_is_that_of_torch():
    net, x = small_net(), torch.rand(3, 1, 3, 4, dtype=torch.float64)
    found = jacobians(net, x)
    for J, each in zip(found, x, strict=True):
        true = torch.autograd.functional.jacobian(lambda v: net(v[None])[0], each)
        assert torch.allclose(J, true.flatten(1))


def test_the_factor_is_a_root_of_the_hessian():
    net, x = small_net(), torch.rand(3, 1, 3, 4, dtype=torch.float64)
    B = kl_factor(net, x)
    d = torch.randn_like(x)
    product = torch.einsum("nkd,nke,ne->nd", B, B, d.flatten(1))
    assert torch.allclose(product, (KLHessian(net, x) @ d).flatten(1), rtol=1e-6, atol=1e-9)


def test_of_a_linear_net_the_bound_is_the_slope_but_for_the_unit_of_pixels():
    torch.manual_seed(0)
    net, x = nn.Sequential(nn.Flatten(), nn.Linear(12, 4)), torch.rand(3, 1, 3, 4)
    W, found = net[1].weight.detach(), slopes(net, x)
    assert abs(found["largest ‖J‖₂"] - float(torch.linalg.matrix_norm(W, 2))) < 1e-4
    assert abs(found["bound / slope"] * MNIST_STD - 1) < 1e-2
    assert abs(found["mean ‖J‖²_F"] - float(W.square().sum())) < 1e-4
    drawn = []
    for ask in (True, False):
        torch.manual_seed(1)
        drawn.append((ask and slopes(net, x), torch.rand(1))[1])
    assert torch.equal(*drawn), "the reader's random numbers stay"
