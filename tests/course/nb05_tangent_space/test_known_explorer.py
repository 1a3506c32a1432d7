"""The explorer of the known tangents: live widget, standing figure and table hold the same numbers."""

import json

import pytest
import torch
from live_charts import page_of
from standing_figures import shows, slides

from rolab.course.nb05_tangent_space.known_explorer import READ, KnownTangentFigure
from rolab.course.nb05_tangent_space.moves import UNITS, along_tangents, moved


def drawn(live):
    page = page_of(live.chart)
    return page["layout"]["images"], page["data"], page["layout"]["title"]["text"]


def test_live_and_standing_figure_and_table_agree(known):
    live, standing = known.live(plain=False, index=3), known.figure(index=3)
    rows = known.table(index=3)
    assert len(rows) == len(standing.places) == 19
    for k, row in list(enumerate(rows))[::3]:
        live.controls["rotation"].value = row["rotation"]
        assert live.error.value == ""
        page = json.loads(json.dumps(standing.at(k).still()))
        images, traces, title = drawn(live)
        assert images == page["layout"]["images"] and traces == page["data"]
        assert title == page["layout"]["title"]["text"] and title in live.summary.value


def test_the_figure_shows_what_the_sliders_say(known, net):
    x = known.data.images[4]
    figure = known.draw(**known.state(index=4, **{"shift x": 2, "shear": -10, "rotation": 5}))
    a = torch.tensor([[2.0, 0, 5 * torch.pi / 180, 0, -0.1, 0]])
    tangent, truth = along_tangents(x, a), moved(x, a)
    row = figure.table()[0]
    assert torch.allclose(figure.both, torch.cat([tangent, truth]))
    assert row["‖Ba‖"] == pytest.approx(float((tangent - x).norm()), rel=1e-5)
    assert row["distance"] == pytest.approx(float((tangent - truth).norm()), rel=1e-5)
    with torch.no_grad():
        assert [row[name] for name in READ] == net(torch.cat([tangent, truth])).argmax(1).tolist()
    assert f"step {row['‖Ba‖']:.1f}, {row['distance']:.1f} off" in figure.title and "3 moves" in figure.title


def test_the_curve_goes_through_the_point_and_starts_as_the_parabola(known):
    figure = known.draw(**known.state(index=0, **{"shift x": 1}))
    lengths, gaps, radius = figure.curve
    assert lengths == sorted(lengths) and lengths[0] == gaps[0] == 0
    near = known.draw(**known.state(index=0, **{"shift x": 0.5}))
    assert near.curve[2] == pytest.approx(radius, rel=1e-4), "R is of the direction, not of its length"
    x = known.data.images[0].double()
    a = torch.tensor([[1e-3, 0, 0, 0, 0, 0]], dtype=torch.float64)
    r, off = float((along_tangents(x, a) - x).norm()), float((along_tangents(x, a) - moved(x, a)).norm())
    assert r**2 / 2 / off == pytest.approx(radius, rel=0.15)


def test_every_slider_moves_the_figure_and_all_at_zero_is_the_digit(known):
    live = known.live(plain=False)
    start = drawn(live)
    assert "move a slider" in start[2]
    for name, unit in UNITS.items():
        live.controls[name].value = unit.step
        assert live.error.value == "" and drawn(live) != start and name in live.shown.title
        live.controls[name].value = 0
        assert drawn(live) == start
    live.controls["index"].value = 7
    assert drawn(live)[0] != start[0]


def test_where_it_breaks_is_where_the_figure_says_so(known):
    broken = 0
    for index, name in ((0, "shift x"), (1, "rotation"), (2, "scale"), (4, "shear")):
        found, label = known.reach(index, name), int(known.data.labels[index])
        assert (
            found.pop("R (ℓ2)") == known.draw(**known.state(index=index, **{name: UNITS[name].step})).curve[2]
        )
        assert list(found) == ["off by half the step", *(f"misread {where}" for where in READ)]

        def at(size, index=index, name=name, label=label):
            both = [
                KnownTangentFigure(known.model, known.data.images[index], label, {name: sign * size})
                for sign in (1, -1)
            ]
            wrong = torch.stack([figure.probability.argmax(1) for figure in both]) != label
            half = any(figure.distance > figure.length / 2 for figure in both)
            return [half, *wrong.any(0).tolist()]

        step = UNITS[name].largest / 80
        for place, (what, size) in enumerate(found.items()):
            if size is None:
                assert not at(UNITS[name].largest)[place], what
            else:
                broken += 1
                assert at(size)[place] and (size - step < 1e-9 or not at(size - step)[place]), what
    assert broken >= 4


def test_the_plain_explorer_needs_core_widgets_only(known):
    live = known.live(plain=True)
    before = bytes(live.chart.widget.value)
    live.controls["scale"].value = 20
    assert before.startswith(b"\x89PNG") and bytes(live.chart.widget.value) != before


def test_it_stands_without_a_kernel(known):
    data = known.at(index=2, scale=10).figure()._repr_mimebundle_()
    assert len(shows(data)) > 60 and slides(data) and len(json.dumps(data)) < 300_000
