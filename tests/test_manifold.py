"""Tangent bases: the learnt against explicit Jacobians and decompositions, the known against real moves."""

import math

import pytest
import torch
from set_samples import every_type, numbers
from torch.nn import functional as F

from rolab import zoo
from rolab.data import mnist
from rolab.manifold import (
    KNOWN_TANGENTS,
    contractive_penalty,
    encoder_tangents,
    energy_share,
    known_tangents,
    neighbour_tangents,
    principal_directions,
    random_directions,
)
from rolab.nets import ContractiveAutoencoder
from rolab.sets import Ball, Tangent, resolve


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = ContractiveAutoencoder(hidden=12, shape=(1, 4, 5)).double()
    net.encoder.weight.data *= 6
    return net


X = numbers(0, 3, 1, 4, 5).sigmoid()


def jacobians(net, x):
    """∂h/∂x of each image, by automatic differentiation: (N, hidden, d)."""
    parts = [torch.autograd.functional.jacobian(net.encode, one[None]).reshape(12, 20) for one in x]
    return torch.stack(parts)


def projector(Q):
    return Q @ Q.mT


def same_up_to_sign(a, b, atol=1e-8):
    sign = (a * b).sum(-2, keepdim=True).sign()
    torch.testing.assert_close(a, sign * b, rtol=0, atol=atol)


def test_the_contractive_penalty_is_that_of_the_explicit_jacobian(net):
    explicit = jacobians(net, X).square().sum((1, 2))
    torch.testing.assert_close(contractive_penalty(net, net.encode(X)), explicit, rtol=1e-12, atol=0)
    (gradient,) = torch.autograd.grad(contractive_penalty(net, net.encode(X)).sum(), net.encoder.weight)
    for row, column in ((0, 0), (3, 7), (11, 19)):
        values = []
        for step in (-1e-5, 1e-5):
            with torch.no_grad():
                net.encoder.weight[row, column] += step
                values.append(jacobians(net, X).square().sum())
                net.encoder.weight[row, column] -= step
        slope = (values[1] - values[0]) / 2e-5
        assert gradient[row, column].item() == pytest.approx(slope.item(), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("k", [1, 4, 12])
def test_the_encoder_s_tangents_are_its_jacobian_s_singular_vectors(net, k):
    _, _, Vt = torch.linalg.svd(jacobians(net, X), full_matrices=False)
    same_up_to_sign(encoder_tangents(net, X, k, steps=300, extra=4), Vt[:, :k].mT)


def test_each_step_of_the_iteration_takes_more_of_the_jacobian(net):
    J = jacobians(net, X)
    best = torch.linalg.svdvals(J)[:, :4].square().sum(1)
    shares = [
        (J @ encoder_tangents(net, X, 4, steps, extra=2)).square().sum((1, 2)) / best
        for steps in (1, 2, 5, 40)
    ]
    for fewer, more in zip(shares, shares[1:], strict=False):
        assert (fewer <= more + 1e-12).all()
    torch.testing.assert_close(shares[-1], torch.ones(3).double(), rtol=1e-6, atol=0)


def test_a_direction_that_the_encoder_does_not_see_is_0(net):
    net.encoder.weight.data[2:] = 0
    basis = encoder_tangents(net, X, 5)
    assert not basis[..., 2:].any()
    expected = projector(torch.linalg.qr(net.encoder.weight.data[:2].T)[0])
    torch.testing.assert_close(projector(basis), expected.expand(3, 20, 20), rtol=0, atol=1e-8)
    assert encoder_tangents(net, X[:0], 5).shape == (0, 20, 5)


@every_type
def test_neighbours_tangents_are_their_principal_directions(dtype):
    x, images = numbers(1, 4, 1, 2, 3).to(dtype), numbers(2, 50, 1, 2, 3).to(dtype)
    found = neighbour_tangents(x, images, k=3, neighbours=9)
    near = torch.cdist(x.flatten(1), images.flatten(1)).topk(9, largest=False).indices
    points = images.flatten(1)[near]
    _, _, Vt = torch.linalg.svd(points - points.mean(1, keepdim=True), full_matrices=False)
    assert found.dtype == dtype
    same_up_to_sign(found, Vt[:, :3].mT, atol=1e-4 if dtype == torch.float32 else 1e-9)


def test_neighbours_on_a_line_have_one_direction():
    images = torch.linspace(0, 1, 20).double()[:, None] * numbers(3, 1, 6)
    basis = neighbour_tangents(images[5:7], images, k=3, neighbours=5)
    same_up_to_sign(basis[..., :1], F.normalize(numbers(3, 1, 6)).mT.expand(2, 6, 1))
    assert not basis[..., 1:].any()


def test_the_principal_directions_are_those_of_the_centred_images():
    images = numbers(4, 60, 2, 3) * torch.tensor([3.0, 1.0, 0.3]) + 5
    points = images.flatten(1)
    _, _, Vt = torch.linalg.svd(points - points.mean(0), full_matrices=False)
    same_up_to_sign(principal_directions(images, 4), Vt[:4].T)


def test_random_directions_are_orthonormal_and_those_of_their_seed():
    Q = random_directions(30, 5, seed=3)
    torch.testing.assert_close(Q.T @ Q, torch.eye(5), rtol=0, atol=1e-5)
    assert torch.equal(Q, random_directions(30, 5, seed=3)) and not torch.equal(Q, random_directions(30, 5))


# The six known tangents


MOVES = {  # where the point (u, v), right and down, is after a time t
    "shift x": lambda u, v, t: (u + t, v),
    "shift y": lambda u, v, t: (u, v + t),
    "rotation": lambda u, v, t: (u * math.cos(t) - v * math.sin(t), u * math.sin(t) + v * math.cos(t)),
    "scale": lambda u, v, t: (u * math.exp(t), v * math.exp(t)),
    "shear": lambda u, v, t: (u + t * v, v),
}


def grid(height, width):
    v, u = torch.meshgrid(
        torch.arange(height).double() - (height - 1) / 2,
        torch.arange(width).double() - (width - 1) / 2,
        indexing="ij",
    )
    return u, v


@pytest.mark.parametrize("name", MOVES)
def test_on_quadratic_images_a_known_tangent_is_the_derivative_of_the_move(name):
    """Central differences are exact there; the moved image has at p what it had at the point before."""
    a, b, c, d, e = numbers(5, 5).tolist()

    def image(u, v):
        return a * u + b * v + c * u * u + d * u * v + e * v * v

    u, v = grid(7, 9)
    found = known_tangents(image(u, v)[None, None])[0, :, KNOWN_TANGENTS.index(name)].reshape(7, 9)
    t = 1e-5
    derivative = (image(*MOVES[name](u, v, -t)) - image(*MOVES[name](u, v, t))) / (2 * t)
    torch.testing.assert_close(found[1:-1, 1:-1], derivative[1:-1, 1:-1], rtol=1e-7, atol=1e-7)


def test_thickness_is_the_rate_at_which_a_disc_dilates():
    """The largest value of a linear image within a distance t is greater by t |∇x|."""
    u, v = grid(5, 5)
    found = known_tangents((0.3 * u - 0.4 * v)[None, None])[0, :, 5].reshape(5, 5)
    torch.testing.assert_close(found[1:-1, 1:-1], torch.full((3, 3), 0.5).double())


@pytest.mark.parametrize("name", MOVES)
def test_digits_that_begin_to_move_go_along_their_tangents(name):
    x = mnist("test").images[:30].double()
    u, v = grid(28, 28)
    t = 0.2 if name.startswith("shift") else 0.02
    forth, back = (torch.stack(MOVES[name](u, v, s), dim=-1) / 14 for s in (-t, t))  # as grid_sample counts
    moved, moved_back = (
        F.grid_sample(x, points.expand(30, 28, 28, 2), align_corners=False) for points in (forth, back)
    )
    tangent = known_tangents(x)[..., KNOWN_TANGENTS.index(name)]
    alike = F.cosine_similarity((moved - moved_back).flatten(1), tangent)
    assert (alike > 0.98).all()


def test_the_energies_of_a_span_and_of_its_complement_make_1():
    Q, tangents = torch.linalg.qr(numbers(6, 8, 8))[0], numbers(7, 3, 8, 4)
    share = energy_share(Q[:, :3], tangents)
    torch.testing.assert_close(share + energy_share(Q[:, 3:], tangents), torch.ones(3, 4).double())
    torch.testing.assert_close(energy_share(Q[:, :3], tangents * 1e3), share)
    inside = (Q[:, :3] @ numbers(8, 3, 2)).expand(3, 8, 2)
    torch.testing.assert_close(energy_share(Q[:, :3], inside), torch.ones(3, 2).double())
    each = torch.stack([Q[:, :3], Q[:, 3:6], Q[:, 5:]])
    torch.testing.assert_close(energy_share(each, tangents)[0], share[0])
    assert not energy_share(Q[:, :3], 0 * tangents).any()


# On digits, with the net that ships


def test_the_shipped_autoencoder_s_tangents_hold_what_its_card_says():
    """More than the principal directions of all digits hold; those of neighbours, of few, hold yet more."""
    digits, train = mnist("test").images[500:800], mnist("train").images[:10_000]
    net, known = zoo.load("autoencoders/mnist"), known_tangents(digits)
    learnt = energy_share(encoder_tangents(net, digits), known).mean(1)
    assert learnt.mean() == pytest.approx(zoo.card("autoencoders/mnist")["tangent_energy"], abs=0.02)
    shared = energy_share(principal_directions(train), known).mean(1)
    local = energy_share(neighbour_tangents(digits[:40], train), known[:40]).mean(1)
    assert learnt.mean() > shared.mean() + 0.02 and local.mean() > shared[:40].mean() + 0.2


def test_its_tangents_serve_as_a_set_at_each_image():
    x = mnist("test").images[:5]
    net = zoo.load("autoencoders/mnist")
    U = resolve(lambda x: Tangent(encoder_tangents(net, x), Ball("l2", 1.5)), x)
    step = U.maximizer(numbers(9, *x.shape).float())
    assert U.contains(step).all()
    torch.testing.assert_close(step.flatten(1).norm(dim=1), torch.full((5,), 1.5))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda net: encoder_tangents(net, X, 13), "^k: expected a whole number from 1 to 12, got 13"),
        (lambda net: encoder_tangents(net, X[:, :, 1:], 2), r"^x: expected images \(N, 1, 4, 5\) of floats"),
        (lambda net: neighbour_tangents(X, X, 1, 1), "^neighbours: expected a whole number from 2 to 3"),
        (lambda net: principal_directions(X, 0), "^k: expected a whole number from 1 to 20, got 0"),
        (lambda net: random_directions(4, 5), "^k: expected a whole number from 1 to 4, got 5"),
        (lambda net: known_tangents(X[:, 0]), r"^x: expected grey images \(N, 1, H, W\), got"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(net, ask, message):
    with pytest.raises(ValueError, match=message):
        ask(net)
