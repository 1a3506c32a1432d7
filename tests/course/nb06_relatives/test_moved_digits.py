"""Digits that are moved, and how far features go with them."""

import pytest
import torch
from standing_figures import stands_without_a_kernel

from rolab import zoo
from rolab.course.nb06_relatives.moved_digits import AMOUNTS, MoveExplorer, hidden_features, moved
from rolab.experiments.measures import shifted, turned
from rolab.sets import Ball


@pytest.fixture(scope="module")
def explorer(mnist_test, baseline):
    return MoveExplorer(zoo.load("mnist/scattering"), baseline, mnist_test[:20], sample=6)


@pytest.mark.parametrize("move", AMOUNTS)
def test_not_moved_is_the_same(ten, move):
    assert torch.allclose(moved(ten.images, move, 0.0), ten.images, atol=1e-5)


def test_a_shift_by_whole_pixels_and_a_turn(ten):
    assert torch.allclose(moved(ten.images, "shift", 2.0), shifted(2, 0, ten.images), atol=1e-5)
    one, other = moved(ten.images, "turn", 15.0), turned(15.0, ten.images)
    back = turned(-15.0, ten.images)
    assert float((one - other).abs().mean()) < 0.01 or float((one - back).abs().mean()) < 0.01


def test_half_a_pixel_is_the_mean_of_two_shifts(ten):
    half = (ten.images + moved(ten.images, "shift", 1.0)) / 2
    assert torch.allclose(moved(ten.images, "shift", 0.5), half, atol=1e-5)


def test_a_bend_moves_rows_both_ways_and_noise_is_noise(ten):
    bent = moved(ten.images, "bend", 3.0)
    assert torch.allclose(bent.sum((1, 2, 3)), ten.images.sum((1, 2, 3)), rtol=0.02), "ink stays"
    assert float((bent - ten.images).abs().max()) > 0.5
    grey = torch.full((1, 1, 28, 28), 0.5)
    assert float((moved(grey, "noise", 0.1) - grey).std()) == pytest.approx(0.1, rel=0.1)


def test_hidden_features_are_what_the_last_layer_takes_in(ten, baseline):
    h = hidden_features(baseline, ten.images)
    with torch.no_grad():
        assert torch.allclose(baseline.linear2(h), baseline(ten.images), atol=1e-5)


def test_distances_are_in_units_of_another_digit(explorer):
    measured = explorer.measured
    distances = measured.distances("shift")
    for name, f in measured.features.items():
        pairs = torch.cdist(measured.still[name], measured.still[name])
        assert measured.units[name] == pytest.approx(float(pairs.sum() / 30), rel=1e-3)
        images = moved(measured.digits.images, "shift", 1.0)
        true = (f(images) - measured.still[name]).norm(dim=1) / measured.units[name]
        assert torch.allclose(distances[name][2], true, atol=1e-5)
        assert float(distances[name][0].max()) < 1e-4


def test_scattering_stretches_no_distance(explorer):
    still = explorer.measured.still
    assert (torch.pdist(still["scattering"]) <= torch.pdist(still["pixels"]) * (1 + 1e-5)).all()


def test_the_explorer(explorer):
    stands_without_a_kernel(explorer.figure(index=3, move="bend"))
    live = explorer.live(plain=False)
    for move in AMOUNTS:
        live.controls["move"].value = move
        assert live.error.value == "" and live.state["amount"] == AMOUNTS[move][4]
    live.controls["index"].value = 7
    assert live.error.value == "" and live.shown.label == int(explorer.data.labels[7])


def test_how_far_moves_and_attacks_go(explorer):
    far = explorer.measured.far(place=4)
    assert far.keys() == AMOUNTS.keys()
    assert far["turn"]["pixels"] == float(explorer.measured.distances("turn")["pixels"][4].mean())
    rows = {row["features"]: row for row in explorer.measured.stretched(Ball("l2", 1.0))}
    for name in ("noise moves them by", "an attack moves them by", "times"):
        assert rows["pixels"][name] == pytest.approx(1, abs=1e-3), "Δ itself"
        assert rows["scattering"][name] <= 1.2, "it stretches nothing"
    assert rows["convnet"]["times"] > 2
