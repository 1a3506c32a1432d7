"""The figures of notebook 02 and their live dial: what is drawn is what the mathematics says."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from rolab.convex.regression import lasso_equivalent, ridge_equivalent
from rolab.dials import RadiusExplorer
from rolab.figures import Figure
from rolab.paths import LineFit, Margins, Paths, Sliding
from rolab.sets import Ball, Columns

PLACES = [0.0, 0.5, 1.0, 1.5, 2.0]


def spring(seed=0, **more):
    rng = np.random.default_rng(seed)
    t = np.linspace(0.5, 2, 6)
    return LineFit(t, 1.5 * t + rng.normal(0, 0.7, 6), PLACES, **more)


def problem(seed=0):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(12, 4))
    return A, A @ [2.0, -1.0, 0.0, 0.0] + rng.normal(0, 0.5, 12)


def ridge_path(seed=0):
    A, b = problem(seed)
    places = np.linspace(0, 1.25 * np.linalg.norm(A.T @ b) / np.linalg.norm(b), 6).tolist()

    def ridge(penalty):
        return np.linalg.solve(A.T @ A + penalty * np.eye(4), A.T @ b)

    return Paths(A, b, Ball("l2", 1.0), ridge_equivalent, ridge, places, "γ", "λ")


def lasso_path(seed=0):
    from sklearn.linear_model import Lasso

    A, b = problem(seed)

    def lasso(penalty):  # scikit-learn's objective is ours over 2m
        model = Lasso(alpha=penalty / 24, fit_intercept=False, tol=1e-12, max_iter=100_000)
        return model.fit(A, b).coef_

    places = np.linspace(0, 1.25 * np.abs(A.T @ b).max() / np.linalg.norm(b), 6).tolist()
    return Paths(A, b, Columns(Ball("l2", 1.0), A.shape), lasso_equivalent, lasso, places, "ρ", "λ")


def machines(share=1.0):
    rng = np.random.default_rng(0)
    y = np.repeat([1, -1], 8)
    X = rng.normal(0, 0.8, size=(16, 2)) + y[:, None]
    y[0] = -1
    return Margins(X, y, np.linspace(0, 3, 7).tolist(), share)


ALL = [spring, ridge_path, lasso_path, machines]
every_figure = pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)


# The line


@settings(max_examples=20, derandomize=True, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_line_is_drawn_with_its_exact_worst_case(seed):
    figure = spring(seed)
    t, b, x = figure.t, figure.b, figure.least_squares
    for k, gamma in enumerate(PLACES):
        way, moved, line, here = figure.moving(k)
        drawn = np.array(moved["x"]), np.array(moved["y"])
        assert drawn[1] == pytest.approx(b, abs=1e-4), "loads move sideways"
        assert np.linalg.norm(drawn[0] - t) == pytest.approx(gamma, abs=1e-3)
        worst = np.linalg.norm(t * x - b) + gamma * abs(x)
        assert np.linalg.norm(drawn[0] * x - b) == pytest.approx(worst, abs=1e-3), "the points drawn reach it"
        best = minimize_scalar(lambda s, g=gamma: np.linalg.norm(t * s - b) + g * abs(s), tol=1e-12)
        assert here == {"x": [gamma] * 2, "y": pytest.approx([worst, best.fun], rel=1e-8)}
        assert line["y"] == pytest.approx([best.x * end for end in line["x"]], abs=1e-5)
        assert len(way["x"]) == 3 * len(t) and way["x"][2::3] == [None] * len(t)


def test_a_search_is_drawn_as_it_was_found():
    figure = spring(search=lambda gamma: 7.0 + gamma)
    crosses = [trace for trace in figure.plotly().data if trace.name == "found by ascent"]
    assert list(crosses[0].y) == [7, 7.5, 8, 8.5, 9] == [row["found by ascent"] for row in figure.table()]
    assert not [trace for trace in spring().plotly().data if trace.name == "found by ascent"]
    assert "found by ascent" not in spring().table()[0]


# The paths


@pytest.mark.parametrize("make", [ridge_path, lasso_path])
@pytest.mark.parametrize("seed", range(3))
def test_at_its_λ_the_other_path_has_the_same_height(make, seed):
    """The left dots come from a convex program, the right path from linear algebra or scikit-learn."""
    figure = make(seed)
    for k, each in enumerate(figure.equivalents):
        left, right, *_ = figure.moving(k)
        assert left["y"] == right["y"]
        if 0 < each.penalty < np.inf:
            assert figure.robust[k] == pytest.approx(figure.penalized(each.penalty), abs=1e-6)
            assert right["x"] == pytest.approx([each.penalty] * 4, rel=1e-4)
            assert figure.penalties[0] <= each.penalty <= figure.penalties[-1]
    assert figure.robust[-1].tolist() == [0] * 4 and "4 of 4 coefficients are exactly 0" in figure.message(5)
    assert "none of 4" in figure.message(0)
    for penalty, x in zip(figure.penalties, figure.path, strict=True):
        assert x == pytest.approx(figure.penalized(penalty))


def test_no_dot_where_λ_is_infinite():
    figure = ridge_path()
    assert figure.moving(5)[1]["x"] == [None] * 4 and "λ = ∞" in figure.message(5)
    assert figure.moving(0)[1]["x"] == [None] * 4 and "λ = 0" in figure.message(0)


# The machines


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
            boundary, margins, arrows = figure.moving(k)[3 * side : 3 * side + 3]
            if not fit.w.any():
                assert boundary["x"] == margins["x"] == [None] and arrows["x"] == []
                continue
            for trace, values in ((boundary, [0]), (margins, [-1, 1])):
                ends = np.array([trace["x"], trace["y"]], float).T
                levels = ends[~np.isnan(ends[:, 0])] @ fit.w + fit.b
                assert levels == pytest.approx(np.repeat(values, 2), abs=1e-3)
            assert len(arrows["x"]) == 3 * (lengths > 0).sum() == len(arrows["marker"]["size"])
            if side == 0 and radius:
                assert (lengths > 0).sum() == 1, "one example gets the whole budget"


def test_the_machines_of_no_radius_are_the_same_problem():
    first = machines().table()[0]
    assert first["worst loss, one budget"] == pytest.approx(first["worst loss, one each"])


# What they share


@every_figure
def test_the_slider_without_a_kernel_shows_the_same_numbers(make):
    figure = make()
    drawn = figure.plotly()
    assert (
        len(drawn.frames) == len(figure.places) == len(drawn.layout.sliders[0].steps) == len(figure.table())
    )
    for k, frame in enumerate(drawn.frames):
        assert frame.layout.title.text == figure.message(k)
        for trace, moving in zip(frame.data, figure.moving(k), strict=True):
            as_drawn = json.loads(trace.to_json())
            assert {name: as_drawn[name] for name in moving} == json.loads(json.dumps(moving))
    assert drawn.layout.sliders[0].active == figure.shown


@every_figure
def test_it_opens_anywhere_and_computes_nothing_again(make, monkeypatch):
    figure = make()
    figure.table()
    for module in ("lines", "coefficients", "margins"):
        for name in ("robust_least_squares", "worst_design", "robust_svm"):
            monkeypatch.setattr(f"rolab.paths.{module}.{name}", None, raising=False)
    for k in range(len(figure.places)):
        moved = figure.at(k)
        assert moved.shown == k and moved.title == figure.message(k) and moved.title in moved.alt
        assert json.loads(moved.still().to_json())["layout"]["title"]["text"] == moved.title
    assert figure.shown == 0, "the figure itself is left as it was"
    assert figure.place(figure.places[2] + 0.01) == 2 and figure.place(99) == len(figure.places) - 1


@every_figure
def test_the_picture_stands_for_itself(make):
    figure = make()
    data, metadata = figure._repr_mimebundle_()
    assert {"image/png", "text/plain", "application/vnd.plotly.v1+json"} == data.keys()
    assert len(metadata["image/png"]["alt"]) > 100
    assert figure.png_bytes() == make().png_bytes() != figure.at(2).png_bytes()


@pytest.mark.parametrize("places", [[0.0], [0.5, 1.0], [0.0, 1.0, 3.0], [0.0, -1.0], [0.0, 0.0]])
def test_places_begin_at_0_in_equal_steps(places):
    with pytest.raises(ValueError, match="^places: expected radii from 0 in equal steps"):
        LineFit(np.ones(2), np.ones(2), places)


def test_a_place_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="^shown: expected 0 to 4, got 5"):
        spring(shown=5)


# Live


@every_figure
def test_the_dial_shows_what_the_figure_says(make):
    figure = make()
    live = RadiusExplorer({"only": figure}).live(plain=False)
    dial = live.dial
    assert live.choice not in live.children, "nothing to choose"
    for k in (3, 1, 0, len(figure.places) - 1):
        dial.number.value = figure.places[k]
        assert dial.slider.value == figure.places[k]
        assert figure.message(k) in dial.summary.value and 'role="status"' in dial.summary.value
        drawn = json.loads(dial.chart.widget.to_json())
        assert drawn["layout"]["title"]["text"] == figure.message(k)
        for trace, moving in zip(drawn["data"], figure.moving(k), strict=False):
            assert {name: trace[name] for name in ("x", "y")} == {name: moving[name] for name in ("x", "y")}


def test_a_choice_brings_the_other_figure_with_its_own_dial():
    live = RadiusExplorer({"one": spring(), "two": machines()}).live("two", plain=False)
    assert live.choice in live.children and live.dial.figure.symbol == "ε"
    live.choice.value = "one"
    assert live.dial.figure.symbol == "γ" and live.dial in live.children and live.dial.slider.max == 2
    before = live.dial
    live.choice.value = "two"
    live.choice.value = "one"
    assert live.dial is before, "what was built is kept"


def test_without_figure_widgets_it_draws_pictures():
    live = RadiusExplorer({"one": spring()}).live(plain=True)
    before = bytes(live.dial.chart.widget.value)
    live.dial.slider.value = 1.0
    assert before.startswith(b"\x89PNG") and bytes(live.dial.chart.widget.value) != before


class Broken(LineFit):
    def moving(self, k):
        if k == 2:
            raise RuntimeError("no <such> radius")
        return super().moving(k)


def test_errors_are_shown_and_leave_when_the_slider_moves_on():
    figure = Broken(np.linspace(0.5, 2, 6), np.arange(6.0), PLACES)
    dial = RadiusExplorer({"one": figure}).live(plain=False).dial
    dial.slider.value = 1.0
    assert "no &lt;such&gt; radius" in dial.error.value and 'role="alert"' in dial.error.value
    dial.slider.value = 0.5
    assert dial.error.value == ""


def test_an_explorer_knows_its_figures():
    explorer = RadiusExplorer({"one": spring(), "two": machines()})
    assert explorer.figure().symbol == "γ" and explorer.figure("two", 0.6).shown == 1
    assert explorer.table("two") == explorer.figures["two"].table()
    with pytest.raises(ValueError, match="^name: expected one of one, two, got 'three'"):
        explorer.figure("three")
    with pytest.raises(ValueError, match="^figures: expected at least one"):
        RadiusExplorer({})


def test_a_figure_is_abstract_or_final():
    assert issubclass(Sliding, Figure) and Sliding.__abstractmethods__
    for kind in (LineFit, Paths, Margins):
        assert kind.__bases__ == (Sliding,) and not kind.__abstractmethods__
        assert not {"plotly", "at", "place"} & vars(kind).keys()


@pytest.mark.parametrize("share", [1.0, 16.0])
def test_the_right_arrows_are_those_of_algorithm_1(share):
    """`first_order` on the machine, as a network with two logits, finds the worst of each example."""
    from rolab.attacks import first_order

    figure = machines(share)
    fit, radius = figure.each[2], figure.places[2]
    network = torch.nn.Linear(2, 2).double()
    with torch.no_grad():
        network.weight[:] = torch.tensor(np.stack([-fit.w, fit.w]) / 2)
        network.bias[:] = torch.tensor([-fit.b / 2, fit.b / 2])
    d = first_order(network, torch.tensor(figure.X), torch.tensor((figure.y + 1) // 2), Ball("l2", radius))
    assert d.numpy() == pytest.approx(fit.perturbation, abs=1e-9)
