"""The explorer of the projected step: (13) in k directions, and (12) where k is all."""

import json
from itertools import pairwise

import pytest
import torch
from live_charts import page_of
from standing_figures import shows, slides

from rolab.attacks import first_order, input_gradient
from rolab.course.nb05_tangent_space.learnt_explorer import basis_at
from rolab.course.nb05_tangent_space.projection_explorer import completed
from rolab.sets import Ball, Tangent


def drawn(live):
    page = page_of(live.chart)
    return page["layout"]["images"], page["data"], page["layout"]["title"]["text"]


@pytest.mark.parametrize("basis", ["local-pca", "global-pca", "mine"])
def test_a_basis_is_completed_in_its_order(bases, mnist_test, principal, basis):
    given = basis_at(bases, basis, mnist_test.images[:1])
    whole = completed(given, principal)
    assert torch.allclose(whole.T @ whole, torch.eye(784), atol=1e-5)
    for k in (1, 5, 20):
        inside = whole[:, :k] @ (whole[:, :k].T @ given[:, :k])
        assert torch.allclose(inside, given[:, :k], atol=1e-5)


def test_directions_that_are_zero_are_left_out(principal):
    given = torch.zeros(784, 4)
    given[[0, 1, 2], [0, 1, 3]] = 1
    whole = completed(given, principal)
    assert torch.allclose(whole[:3, :3].abs(), torch.eye(3), atol=1e-6)
    assert torch.allclose(whole.T @ whole, torch.eye(784), atol=1e-5)


@pytest.mark.parametrize("basis", ["local-pca", "mine"])
def test_the_steps_are_those_of_the_sets_and_the_last_is_the_full_one(projections, net, principal, basis):
    x, label = projections.data.images[6:7], projections.data.labels[6:7]
    found = projections.steps(6, basis)
    whole = completed(basis_at(projections.bases, basis, x), principal)
    for k, step in zip(found.dimensions, found.steps, strict=True):
        expected = first_order(net, x, label, Tangent(whole[:, :k], Ball("l2", 1.0)))
        assert torch.allclose(step, expected[0], atol=1e-5)
    assert torch.allclose(found.steps[-1], first_order(net, x, label, Ball("l2", 1.0))[0], atol=1e-4)
    g = input_gradient(net, x, label).flatten()
    for k, percent in zip(found.dimensions, found.promised, strict=True):
        assert percent == pytest.approx(100 * float((whole[:, :k].T @ g).norm() / g.norm()), rel=1e-3)
    assert found.dimensions[-1] == 784 and found.promised[-1] == pytest.approx(100, rel=1e-4)
    assert all(a <= b + 1e-3 for a, b in pairwise(found.promised)), "a larger space never promises less"


def test_live_and_standing_figure_and_table_agree(projections):
    live, standing = projections.live(plain=False, index=3), projections.figure(index=3)
    for k, row in enumerate(projections.table(index=3)):
        live.controls["k"].value = row["k"]
        assert live.error.value == ""
        page = json.loads(json.dumps(standing.at(k).still()))
        images, traces, title = drawn(live)
        assert images == page["layout"]["images"] and traces == page["data"]
        assert title == page["layout"]["title"]["text"] and title in live.summary.value
    assert row["k"] == 784 and images[1]["source"] == images[2]["source"], "the full Δ twice"


def test_the_figure_says_what_the_net_reads_and_loses(projections, net):
    x, label = projections.data.images[6:7], int(projections.data.labels[6])
    figure = projections.draw(**projections.state(index=6, k=30, radius=3))
    found, row = projections.steps(6, "local-pca"), figure.table()[0]
    d = found.steps[found.dimensions.index(30)]
    with torch.no_grad():
        z = net(x + 3 * d)[0]
    assert row["loss"] == pytest.approx(-float(z.log_softmax(0)[label]), rel=1e-3)
    assert row["the net reads"] == int(z.argmax())
    assert f"k = 30, radius 3: {row['promised, %']:.0f} %" in figure.title
    still = projections.draw(**projections.state(index=6, k=30, radius=0))
    assert len(set(still.losses)) == 1 and len(set(still.answers)) == 1, "no step, no change"


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(projections):
    live = projections.live(plain=False)
    state = {"index": 9, "basis": "mine", "k": 60, "radius": 2.5}
    for name, value in state.items():
        before = drawn(live)
        live.controls[name].value = value
        assert live.error.value == "" and drawn(live) != before
    assert drawn(live) == drawn(projections.live(plain=False, **state))


def test_a_net_that_was_trained_in_place_is_asked_again(projections):
    projections.steps(6, "mine")
    model = projections.model
    kept = model.linear.weight.data.clone()
    before = projections.steps(6, "mine")
    assert projections.steps(6, "mine") is before
    try:
        model.linear.weight.data = kept.flip(0)
        assert not torch.allclose(projections.steps(6, "mine").steps, before.steps)
    finally:
        model.linear.weight.data = kept


def test_it_stands_without_a_kernel_and_on_core_widgets(projections):
    data = projections.figure(k=1)._repr_mimebundle_()
    assert len(shows(data)) > 60 and slides(data) and len(json.dumps(data)) < 300_000
    live = projections.live(plain=True)
    before = bytes(live.chart.widget.value)
    live.controls["radius"].value = 4
    assert bytes(live.chart.widget.value) != before
