"""The two machines: what is drawn is what the mathematics says."""

import numpy as np
import pytest
import torch
from radius_figures import machines

from rolab.attacks import first_order
from rolab.sets import Ball


def worst_loss(figure, w, b, radius, share):
    """Both worst cases by their formulas."""
    margins, reach = figure.y * (figure.X @ w + b), np.hypot(*w)
    loss = np.maximum(1 - margins, 0)
    alone = np.maximum(1 - margins + share * radius * reach, 0) - loss
    return loss.sum() + alone.max(), np.maximum(1 - margins + radius * reach, 0).sum()


@pytest.mark.parametrize("share", [1.0, 16.0])
def test_the_machines_are_best_and_their_arrows_are_worst(share):
    figure = machines(share)
    rng = np.random.default_rng(1)
    for k, radius in enumerate(figure.places):
        for side, fits in enumerate((figure.coupled, figure.each)):
            fit = fits[k]
            assert fit.objective == pytest.approx(worst_loss(figure, fit.w, fit.b, radius, share)[side])
            for w in (fit.w + rng.normal(0, 0.1, 2) for _ in range(30)):
                other = worst_loss(figure, w, fit.b + rng.normal(0, 0.1), radius, share)[side]
                assert other >= fit.objective - 1e-6
            lengths = np.hypot(*fit.perturbation.T)
            assert (lengths.sum() if side == 0 else lengths.max()) <= [share * radius, radius][side] + 1e-9
            boundary, margins, arrows, *_ = figure.at(k).panels()[side].marks
            if not fit.w.any():
                assert boundary.x == margins.x == arrows.x == []
                continue
            for trace, values in ((boundary, [0]), (margins, [-1, 1])):
                ends = np.array([trace.x, trace.y], float).T
                levels = ends[~np.isnan(ends[:, 0])] @ fit.w + fit.b
                assert levels == pytest.approx(np.repeat(values, 2), abs=1e-3)
            assert len(arrows.x) == 3 * (lengths > 0).sum() and arrows.arrow
            if side == 0 and radius:
                assert (lengths > 0).sum() == 1, "one example gets the whole budget"


def test_the_machines_of_no_radius_are_the_same_problem():
    first = machines().table()[0]
    assert first["worst loss, one budget"] == pytest.approx(first["worst loss, one each"])


@pytest.mark.parametrize("share", [1.0, 16.0])
def test_the_right_arrows_are_those_of_algorithm_1(share):
    """`first_order` on the machine, as a network with two logits, finds the worst of each example."""
    figure = machines(share)
    fit, radius = figure.each[2], figure.places[2]
    network = torch.nn.Linear(2, 2).double()
    with torch.no_grad():
        network.weight[:] = torch.tensor(np.stack([-fit.w, fit.w]) / 2)
        network.bias[:] = torch.tensor([-fit.b / 2, fit.b / 2])
    d = first_order(network, torch.tensor(figure.X), torch.tensor((figure.y + 1) // 2), Ball("l2", radius))
    assert d.numpy() == pytest.approx(fit.perturbation, abs=1e-9)


def test_where_w_is_0_the_panel_says_so_and_its_axes_have_names():
    figure = machines(16.0)
    said = set()
    for k in range(len(figure.places)):
        for panel, fits in zip(figure.at(k).panels(), (figure.coupled, figure.each), strict=True):
            none = not fits[k].w.any()
            said.add(none)
            assert panel.marks[-1].text.startswith("w = 0") == none and panel.x.title == "feature x₁"
    assert said == {True, False}
