"""The contractive autoencoder's objective, and training by it."""

import pytest
import torch
from set_samples import numbers
from torch import nn

from rolab.data import Dataset
from rolab.nets import ContractiveAutoencoder
from rolab.objectives import Contractive, Nominal
from rolab.training import Recipe, train

X, Y = numbers(0, 40, 1, 3, 4).sigmoid().float(), torch.zeros(40, dtype=torch.int64)


def autoencoder():
    torch.manual_seed(1)
    return ContractiveAutoencoder(hidden=5, shape=(1, 3, 4))


def test_it_is_the_cross_entropy_of_the_pixels_and_the_penalty():
    net, total = autoencoder().double(), 0.0
    x = X[:6].double()
    for one in x:
        z = net(one[None])[0]
        total -= (one.flatten() * z.sigmoid().log() + (1 - one.flatten()) * (-z).sigmoid().log()).sum()
        total += 0.7 * torch.autograd.functional.jacobian(net.encode, one[None]).square().sum()
    torch.testing.assert_close(Contractive(0.7)(net, x, Y[:6]), total / 6, rtol=1e-10, atol=0)


def test_the_decoder_has_the_encoder_s_weights():
    net = autoencoder()
    h = net.encode(X[:2])
    torch.testing.assert_close(net.decode(h), h @ net.encoder.weight + net.pixel_bias)
    assert {name for name, _ in net.named_parameters()} == {"encoder.weight", "encoder.bias", "pixel_bias"}
    assert (net.slopes(h) == h * (1 - h)).all()


def test_training_lessens_it_and_the_penalty_is_smaller_where_it_counts(tmp_path):
    data, recipe = Dataset(X, Y), Recipe(epochs=8, batch_size=10, learning_rate=0.05, channels_last=False)
    contracted = []
    for strength in (0.0, 5.0):
        net, again = autoencoder(), autoencoder()
        descended = data, Contractive(strength), recipe
        how = {"folder": tmp_path / str(strength), "device": "cpu", "progress": False}
        run = train(net, *descended, **how)
        assert run.history[-1]["loss"] < run.history[0]["loss"]
        train(again, *descended, **how)
        assert all(map(torch.equal, again.state_dict().values(), net.state_dict().values()))
        contracted.append((Contractive(1.0)(net, X, Y) - Contractive(0.0)(net, X, Y)).item())
    assert contracted[1] < contracted[0]


def test_it_adds_and_scales_and_looks_at_no_label():
    net = autoencoder()
    both = 0.5 * Contractive(1.0) + Contractive(3.0)
    torch.testing.assert_close(
        both(net, X, Y), 0.5 * Contractive(1.0)(net, X, Y) + Contractive(3.0)(net, X, Y)
    )
    assert torch.equal(Contractive(1.0)(net, X, Y), Contractive(1.0)(net, X, Y + 3))


def test_what_is_no_strength_or_no_autoencoder_is_refused():
    for strength in (-1.0, float("nan"), float("inf"), "1"):
        with pytest.raises(ValueError, match="^strength: expected a finite number from 0 up, got"):
            Contractive(strength)
    with pytest.raises(ValueError, match="^model: expected a ContractiveAutoencoder, got Sequential"):
        Contractive()(nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), X, Y)
    assert isinstance(Nominal() + Contractive(), type(Nominal() + Nominal()))
