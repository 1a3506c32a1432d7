"""Controls: what they accept, the widgets they make, and how these take on another description."""

import ipywidgets
import numpy as np
import pytest
import torch
from torch import nn

from rolab.course.live.controls import (
    Button,
    Cache,
    Choice,
    Number,
    Slide,
    Toggle,
    sentence,
    show_errors,
    stamp,
)


def widgets(control, value):
    """The widgets of a control, as the explorer makes them."""
    look = {"description": control.description, "disabled": control.disabled, **control.traits()}
    return control.widgets(value=value, **look)


def test_a_slider_in_equal_steps_has_a_number_field():
    slider, number = widgets(Slide("ε", (0.0, 0.1, 0.2)), 0.1)
    assert (slider.min, slider.max, slider.step, slider.value) == (0, 0.2, 0.1, 0.1)
    number.value = 0.2
    assert slider.value == 0.2
    whole, field = widgets(Slide("k", range(4)), 2)
    assert isinstance(whole, ipywidgets.IntSlider) and isinstance(field, ipywidgets.BoundedIntText)


def test_a_slider_over_other_places_has_only_these():
    (slider,) = widgets(Slide("steps", (1, 5, 100)), 5)
    assert [value for _, value in slider.options] == [1, 5, 100] and slider.value == 5
    Slide("steps", (2, 5, 7)).adapt((slider,), 7)
    assert slider.value == 7 and [label for label, _ in slider.options] == ["2", "5", "7"]


def test_a_slider_takes_the_nearest_place():
    slide = Slide("ε", (0.0, 0.5, 1.0), 0.5)
    assert slide.at == 0.5 and slide.check("ε", 0.8) == 1.0 and slide.check("ε", -3) == 0


@pytest.mark.parametrize(
    "places, value", [((0.0, 10.0, 20.0), 20.0), ((5.0, 6.0, 7.0), 6.0), ((0.0, 0.01), 0.01)]
)
def test_a_slider_takes_on_another_range_with_its_value(places, value):
    parts = widgets(Slide("ε", (0.0, 1.0, 2.0)), 2.0)
    Slide("ε", places, disabled=True).adapt(parts, value)
    for part in parts:
        assert (part.min, part.max, part.value, part.disabled) == (places[0], places[-1], value, True)


@pytest.mark.parametrize("places, value", [((0.0, 10.0, 20.0), 10.0), ((0.0, 0.01, 0.02), 0.01)])
def test_a_new_scale_is_one_message_to_each_widget(monkeypatch, places, value):
    """Else a browser rounds the old value to the new steps, and sends it back: ε is lost."""
    sent = []
    parts = widgets(Slide("ε", (0.0, 1.0, 2.0)), 1.0)
    monkeypatch.setattr(
        ipywidgets.Widget, "_send", lambda part, said, **_: sent.append((part, said["state"]))
    )
    Slide("ε", places).adapt(parts, value)
    assert [part for part, _ in sent if part in parts] == [*reversed(parts)]
    for _, state in sent:
        assert (state["max"], state["step"], state["value"]) == (places[-1], places[1], value)


def test_choices():
    (chosen,) = widgets(Choice("net", {"a": "the first", "b": "the second"}), "b")
    assert chosen.value == "b" and chosen.label == "the second"
    Choice("net", ["c", "d"]).adapt((chosen,), "d")
    assert chosen.value == "d" and Choice("net", ["c", "d"]).check("net", None) == "c"
    assert widgets(Choice("net", ["c"], hidden=True), "c")[0].layout.display == "none"
    with pytest.raises(ValueError, match="^net: expected one of a, b, got 'z'"):
        Choice("net", ["a", "b"]).check("net", "z")


def test_numbers_and_toggles():
    (whole,), (real,) = widgets(Number("n", 0, 9, 3), 3), widgets(Number("r", 0.1, 2.0, 1.0, 0.1), 1.0)
    assert isinstance(whole, ipywidgets.BoundedIntText) and isinstance(real, ipywidgets.BoundedFloatText)
    assert real.step == 0.1 and (whole.min, whole.max) == (0, 9)
    with pytest.raises(ValueError, match="^n is 12, expected 0 to 9"):
        Number("n", 0, 9).check("n", 12)
    assert Toggle("yes", True).at is True and widgets(Toggle("yes"), True)[0].value is True


def test_errors_of_a_callback_are_seen():
    line = ipywidgets.HTML()
    show_errors(lambda: 1 / 0, line)()
    assert "ZeroDivisionError" in line.value and 'role="alert"' in line.value
    show_errors(lambda: None, line)()
    assert line.value == ""


def test_a_sentence_follows_its_controls():
    slider = ipywidgets.IntSlider(2)
    box = sentence(lambda k: f"{6 / k:g} <times>", k=slider)
    *_, line, error = box.children
    assert "3 &lt;times&gt;" in line.value and 'role="status"' in line.value
    slider.value = 3
    assert "2 &lt;times&gt;" in line.value and error.value == ""
    slider.value = 0
    assert "ZeroDivisionError" in error.value


def test_a_cache_keeps_the_last():
    cache, made = Cache(2), []
    for key in "aabcab":
        cache.get((key,), lambda key=key: made.append(key))
    assert made == list("abcab") and len(cache) == 2


@pytest.mark.parametrize("version, shown", [("7.7.1", "a &lt;b&gt; &amp; c"), ("8.1.0", "a <b> & c")])
@pytest.mark.parametrize(
    "control",
    [
        Choice("a <b> & c", ["x", "y"], "x"),
        Number("a <b> & c", 0, 9),
        Slide("a <b> & c", (0, 1, 2)),
        Slide("a <b> & c", (0, 1, 5)),
        Toggle("a <b> & c"),
        Button("a <b> & c", dict),
    ],
)
def test_a_label_is_no_html(control, version, shown, monkeypatch):
    """Before version 8 all descriptions but those of buttons are put into the page as HTML."""
    monkeypatch.setattr(ipywidgets, "__version__", version)
    assert control.description == (control.label if isinstance(control, Button) else shown)
    if not isinstance(control, Button):
        parts = widgets(control, control.check("it", None))
        control.adapt(parts, parts[0].value)
        assert parts[0].description == shown


@pytest.mark.parametrize(
    "control, value, message",
    [
        (Number("n", 0, 9), 2.5, "^it is 2.5, expected a whole number$"),
        (Number("n", 0, 9), "2", "^it: expected a number, got '2'$"),
        (Number("n", 0, 9), True, "^it: expected a number, got True$"),
        (Number("r", 0.0, 9.0), float("nan"), "^it: expected a number, got nan$"),
        (Number("r", 0.0, 9.0), 10, "^it is 10, expected 0 to 9$"),
        (Slide("ε", (0.0, 0.1)), "far", "^it: expected a number, got 'far'$"),
        (Slide("ε", (0.0, 0.1)), float("nan"), "^it: expected a number, got nan$"),
        (Slide("ε", (0.0, 0.1)), [0.1], r"^it: expected a number, got \[0\.1\]$"),
        (Toggle("yes"), "no", "^it: expected True or False, got 'no'$"),
        (Toggle("yes"), 2, "^it: expected True or False, got 2$"),
    ],
)
def test_what_a_control_cannot_be_set_to_is_named(control, value, message):
    with pytest.raises(ValueError, match=message):
        control.check("it", value)


def test_a_whole_number_may_come_as_any_type():
    assert type(Number("n", 0, 9).check("n", np.int64(3))) is int and Number("n", 0, 9).check("n", 3.0) == 3


def net():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def descended(model):
    optimizer = torch.optim.SGD(model.parameters(), 1e-6)
    model(torch.rand(5, 3)).sum().backward()
    optimizer.step()


@pytest.mark.parametrize(
    "change",
    [
        descended,
        lambda model: model.load_state_dict(net().state_dict()),
        lambda model: model[0].weight.data.fill_(0.5),
        lambda model: model[2].bias.data.mul_(1.5),
        lambda model: model[1].running_mean.add_(0.1),
        lambda model: model.train()(torch.rand(5, 3)),
        lambda model: setattr(model[0], "weight", nn.Parameter(torch.rand(4, 3))),
        lambda model: setattr(model[0].weight, "data", torch.rand(4, 3)),
        lambda model: nn.init.zeros_(model[0].bias),
        lambda model: model.double(),
        lambda model: model.__setitem__(0, nn.Linear(3, 4)),
    ],
)
def test_a_stamp_changes_with_a_net(change):
    def now(model):
        return stamp((*model.parameters(), *model.buffers()))

    model = net().eval()
    before = now(model)
    model(torch.rand(5, 3)).sum().backward()
    assert now(model) == now(model) == before, "looking at a net changes nothing"
    change(model)
    assert now(model) != before


def test_a_stamp_of_weights_that_are_no_numbers_is_never_the_same():
    """So nothing is kept of a net that answers nothing."""
    bad = torch.tensor([float("nan")])
    assert stamp([bad]) != stamp([bad])


def test_a_stamp_can_be_had_of_what_was_made_for_inference():
    with torch.inference_mode():
        weight = torch.rand(3)
    assert stamp([weight]) == stamp([weight])
