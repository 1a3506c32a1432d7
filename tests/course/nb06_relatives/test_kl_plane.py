"""The plane of the KL: eigenvectors, rays, level lines, and what the explorer shows of them."""

import math

import pytest
import torch
from live_charts import page_of
from standing_figures import stands_without_a_kernel

from rolab.course.nb06_relatives.kl_plane import ANGLES, FINE, RADII, KLExplorer, direction, kl_plane
from rolab.objectives import KLHessian


@pytest.fixture(scope="module")
def explorer(mnist_test, baseline):
    return KLExplorer({"baseline": baseline}, mnist_test[245:250])


def test_the_plane_is_spanned_by_eigenvectors(explorer, baseline):
    w = explorer.plane("baseline", 2)
    flat = w.basis.flatten(1)
    assert torch.allclose(flat @ flat.T, torch.eye(2), atol=1e-5)
    H = KLHessian(baseline, w.image[None].expand(2, -1, -1, -1))
    for image, bend, v in zip((H @ w.basis).flatten(1), w.bends, flat, strict=True):
        assert torch.allclose(image, bend * v, atol=2e-3 * bend)
    assert w.bends[0] >= w.bends[1] > 0


def test_the_rays_are_the_kl_and_the_parabola_touches_it(explorer, baseline):
    w = explorer.plane("baseline", 2)
    k, j = 7, 10
    u, v = direction(k)
    d = RADII[j] * (u * w.basis[0] + v * w.basis[1])
    with torch.no_grad():
        log_p, log_q = (baseline(x[None]).double().log_softmax(1) for x in (w.image, w.image + d))
    assert float(w.kl[k, j]) == pytest.approx(float((log_p.exp() * (log_p - log_q)).sum()), rel=1e-4)
    assert int(w.answers[k, j]) == int(log_q.argmax())
    assert (w.kl >= -1e-9).all() and (w.kl[:, 0] < 1e-9).all()
    near = torch.tensor([float(w.parabola(i, RADII[1])) for i in range(FINE * ANGLES)])
    assert torch.allclose(w.kl[:, 1].float(), near, rtol=0.35), "at 0.05 the parabola is near"


def test_level_lines_lie_where_they_say(explorer):
    w = explorer.plane("baseline", 2)
    true, promised = w.level(0.5)
    for k in range(FINE * ANGLES):
        length = float(promised[k].norm())
        assert math.isnan(length) or float(w.parabola(k, length)) == pytest.approx(0.5, rel=1e-4)
        length = float(true[k].norm())
        if math.isnan(length):
            assert float(w.kl[k].max()) < 0.5
        else:
            j = int(length / 0.05)
            assert float(w.kl[k, j]) <= 0.5 + 1e-6 and float(w.kl[k, min(j + 1, 20)]) >= 0.5 - 1e-6


def test_the_explorer(explorer, baseline):
    figure = explorer.figure(index=2)
    assert figure.slides and len(figure.table()) == ANGLES
    stands_without_a_kernel(figure)
    live = explorer.live(plain=False, index=2)
    live.controls["angle"].value = 40
    assert live.error.value == "" and live.shown.title.startswith("Δ at 40°, length 0.5: the KL is")
    assert page_of(live.chart)["layout"]["title"]["text"] == live.shown.title
    live.controls["radius"].value = 0.0
    assert live.error.value == "" and live.shown.values == pytest.approx((0.0, 0.0), abs=1e-9)
    assert live.shown.table() == explorer.draw("baseline", 2, 40, 0.0).table()


def test_a_click_moves_the_perturbation(explorer):
    state = explorer.state(**explorer.clicked(0.0, -0.52))
    assert state["angle"] in (260, 280) and state["radius"] == 0.5


def test_a_digit_is_computed_once(explorer, monkeypatch):
    explorer.plane("baseline", 2)
    monkeypatch.setattr("rolab.course.nb06_relatives.kl_plane.kl_plane", None)
    explorer.draw("baseline", 2, 0, 1.0)


def test_a_sure_digit_has_a_plane_too(mnist_test, baseline):
    plane = kl_plane(baseline, mnist_test.images[:1], 7)
    assert plane.sure > 0.9999 and plane.bends[0] < 1e-2
