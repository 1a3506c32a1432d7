"""A live chart: the base figure and the patch on it are the figure that is shown, whatever came before."""

import random

import ipywidgets
import pytest
from live_charts import page_of
from small_explorer import Power

from rolab.course.live.charts import LiveChart, PictureChart


def seen(page):
    """A page without what is padded."""
    layout = dict(page["layout"])
    for name in ("images", "annotations"):
        layout[name] = [each for each in layout[name] if each["visible"]]
    return page["data"], layout


def figures(count, seed=0):
    draw = random.Random(seed)
    for _ in range(count):
        yield Power(
            draw.choice((1, 2, 3)), draw.choice((0.0, 1.0, 2.0)), 4.0, draw.randrange(4), draw.random() < 0.5
        )


@pytest.mark.parametrize("seed", range(5))
def test_the_patch_holds_all_that_differs_so_a_lost_message_does_no_harm(seed):
    shown = LiveChart(Power(1, 0.0, 4.0, 2, True))
    for figure in figures(12, seed):
        shown.show(figure)
        assert seen(page_of(shown)) == seen(figure.still())
        assert shown.widget.alt == figure.alt


def test_a_patch_does_not_carry_on_traces_that_rest():
    """They come as a new base when they begin to move; while all move, as while none does, the base stays."""
    shown, bases = LiveChart(Power(1, 0.0, 4.0)), []
    for exponent, at in ((1, 0.0), (1, 1.0), (2, 1.0), (2, 2.0), (2, 3.0), (3, 0.0), (1, 0.0), (2, 0.0)):
        shown.show(Power(exponent, at, 4.0))
        bases.append(shown.widget.figure)
    assert [a is b for a, b in zip(bases, bases[1:], strict=False)] == [
        True,
        False,
        True,
        True,
        False,
        True,
        True,
    ]


def test_only_the_layout_moves_where_no_trace_does():
    shown = LiveChart(Power(2, 0.0, 4.0))
    shown.show(Power(2, 1.0, 4.0))
    assert set(shown.widget.patch) == {"layout.title.text", "layout.images[0].x"}


def test_a_longer_figure_is_a_new_base():
    shown = LiveChart(Power(2, 0.0, 4.0))
    base = shown.widget.figure
    shown.show(Power(2, 0.0, 4.0, filled=True))
    assert shown.widget.figure is not base and shown.widget.patch == {}
    assert page_of(shown) == Power(2, 0.0, 4.0, filled=True).still()


def test_the_browser_never_sees_an_empty_figure(monkeypatch):
    """On a slow machine it would draw it before the data come, and keep it."""
    opened, states = ipywidgets.Widget.open, []

    def watched(self):
        states.append(self.get_state())
        opened(self)

    monkeypatch.setattr(ipywidgets.Widget, "open", watched)
    LiveChart(Power(2, 0.0, 4.0))
    state = states[-1]
    assert len(state["figure"]["data"]) == 2 and state["alt"] and state["plotly"].startswith("IPY_MODEL_")


def test_plotly_is_handed_over_once_and_the_module_is_small():
    one, other = LiveChart(Power(1, 0.0, 4.0)), LiveChart(Power(2, 0.0, 4.0))
    assert one.widget.plotly == other.widget.plotly
    asset = ipywidgets.widget_serialization["from_json"](one.widget.plotly, None)
    assert len(asset.value) > 1_000_000 and len(one.widget._esm) < 10_000


def test_a_click_is_told():
    told = []
    shown = LiveChart(Power(1, 0.0, 4.0), lambda x, y: told.append((x, y)))
    shown.widget._handle_custom_msg({"x": 1, "y": 2}, [])
    assert told == [(1, 2)]


def test_plain_charts_are_pictures():
    plain = PictureChart(Power(1, 0.0, 4.0))
    before = bytes(plain.widget.value)
    plain.show(Power(1, 2.0, 4.0))
    assert isinstance(plain.widget, ipywidgets.Image) and bytes(plain.widget.value) != before
