"""The explorer of learnt tangents: the directions of the basis, the digit along them, in all views alike."""

import json

import pytest
import torch
from live_charts import page_of
from standing_figures import shows, slides

from rolab.course.nb05_tangent_space.learnt_explorer import LARGEST, SHOWN, STEP
from rolab.manifold import known_tangents
from rolab.sets import Ball, Tangent


def drawn(live):
    page = page_of(live.chart)
    return page["layout"]["images"], page["data"], page["layout"]["title"]["text"]


def test_live_and_standing_figure_and_table_agree(learnt):
    live, standing = learnt.live(plain=False, index=3), learnt.figure(index=3)
    rows = learnt.table(index=3)
    assert len(rows) == 2 * LARGEST / STEP + 1
    for k, row in list(enumerate(rows))[::4]:
        live.controls["u1"].value = row["u1"]
        assert live.error.value == ""
        page = json.loads(json.dumps(standing.at(k).still()))
        images, traces, title = drawn(live)
        assert images == page["layout"]["images"] and traces == page["data"]
        assert title == page["layout"]["title"]["text"] and title in live.summary.value


@pytest.mark.parametrize("basis", ["local-pca", "global-pca", "mine"])
def test_the_digit_moves_along_the_directions_of_the_basis(learnt, bases, net, basis):
    x = learnt.data.images[5:6]
    figure = learnt.draw(**learnt.state(index=5, basis=basis, u2=3, u4=-2.5))
    Q = bases[basis](x)
    Q = Q[0] if Q.ndim == 3 else Q
    expected = x + (3 * Q[:, 1] - 2.5 * Q[:, 3]).view(x.shape)
    assert torch.allclose(figure.both, torch.cat([x, expected]), atol=1e-6)
    with torch.no_grad():
        assert figure.table()[0]["the net reads"] == int(net(expected).argmax())
    assert "+3 along u2, -2.5 along u4" in figure.title


def test_the_share_that_is_known(learnt):
    x = learnt.data.images[5:6]
    figure = learnt.draw(**learnt.state(index=5))
    inside = Tangent(known_tangents(x), Ball("l2", 10.0)).project(figure.directions.T.reshape(SHOWN, 784)[:1])
    assert figure.known[0] == pytest.approx(100 * float(inside.norm()) ** 2, rel=1e-3)
    assert all(0 <= share <= 100 for share in figure.known)


def test_every_control_leads_to_the_same_figure_as_a_fresh_start(learnt):
    live = learnt.live(plain=False)
    state = {"index": 9, "basis": "mine", **{f"u{k}": k / 2 for k in range(1, SHOWN + 1)}}
    for name, value in state.items():
        before = drawn(live)
        live.controls[name].value = value
        assert live.error.value == "" and drawn(live) != before
    assert drawn(live) == drawn(learnt.live(plain=False, **state))


def test_the_directions_of_a_digit_are_computed_once(learnt, monkeypatch):
    learnt.draw(**learnt.state(index=1))
    monkeypatch.setattr(learnt, "bases", {"local-pca": None})
    assert learnt.draw(**learnt.state(index=1, u3=1)).both.isfinite().all()


def test_it_stands_without_a_kernel_and_on_core_widgets(learnt):
    data = learnt.at(u1=4).figure()._repr_mimebundle_()
    assert len(shows(data)) > 60 and slides(data) and len(json.dumps(data)) < 300_000
    live = learnt.live(plain=True)
    before = bytes(live.chart.widget.value)
    live.controls["u3"].value = 5
    assert bytes(live.chart.widget.value) != before
