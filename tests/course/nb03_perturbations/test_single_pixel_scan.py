"""The scan of all pixels: every change is the model's answer; the step is the ℓ1 step."""

import pytest
import torch
from single_pixels import SmallNet, small_images
from torch.nn.functional import cross_entropy

from rolab.attacks import first_order, input_gradient, single_pixel
from rolab.course.nb03_perturbations.single_pixel_scan import single_pixel_scan
from rolab.sets import Ball, Box, SparsePixels, pixel_box


@pytest.fixture
def data():
    return small_images()


@pytest.mark.parametrize("radius, boxed", [(3.0, False), (1.0, True), (0.25, True)])
def test_every_change_is_the_models_answer_one_by_one(data, radius, boxed):
    model = SmallNet()
    for index in range(4):
        x, y = data.images[index : index + 1], data.labels[index : index + 1]
        found = single_pixel_scan(model, x, int(y), radius, boxed)
        g, before = input_gradient(model, x, y), cross_entropy(model(x), y)
        for j in range(30):
            for way, sign in enumerate((1, -1)):
                d = torch.zeros(30)
                d[j] = sign * radius
                d = d.view(1, 1, 6, 5)
                if boxed:
                    d = (x + d).clamp(0, 1) - x
                rise = cross_entropy(model(x + d), y) - before
                assert found.rise[way, j] == pytest.approx(rise.item(), abs=1e-5)
                assert found.promised[way, j] == pytest.approx(float((g * d).sum()), abs=1e-6)
                assert torch.allclose(found.logits[way, j], model(x + d)[0].double(), atol=1e-5)
        best = found.rise.amax(0)
        assert best[found.truth] == best.max()
        assert torch.equal(found.changed(3) - found.image != 0, torch.arange(30).view(1, 6, 5) == 3) or boxed
        assert sorted(found.order) == list(range(30)) and found.rank(found.truth)[1] == 1
        assert found.rank(found.step)[0] == 1


def test_the_step_is_the_l1_step_and_the_truth_is_single_pixel(data):
    """Unbounded, Hölder's pixel; in the box, the best single pixel for the gradient."""
    model, flips = SmallNet(), []
    for index in range(12):
        x, y = data.images[index : index + 1], data.labels[index : index + 1]
        for radius, boxed, U, box in (
            (0.7, False, Ball("l1", 0.7), Box(-0.7, 0.7)),
            (1.0, True, SparsePixels(1, pixel_box(x)), pixel_box(x)),
        ):
            found = single_pixel_scan(model, x, int(y), radius, boxed)
            step = first_order(model, x, y, U)
            assert int(step.abs().argmax()) == found.step
            assert float(step.flatten()[found.step]) == pytest.approx(
                float(found.change[found.step_way, found.step])
            )
            assert int(model(x + step).argmax()) == found.row(found.step, found.step_way)["answer"]
            _, falls = single_pixel(model, x, y, box)
            assert bool(falls) == bool((found.logits.argmax(-1) != y).any())
            flips.append(bool(falls))
    assert 0 < sum(flips) < len(flips), "the cases tell the two answers apart"


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda data: single_pixel_scan(SmallNet(), data.images[:2], 0), "x"),
        (lambda data: single_pixel_scan(SmallNet(), data.images[:1], 0, -1.0), "radius"),
        (lambda data: single_pixel_scan(SmallNet(), data.images[:1], 0).number(6, 0), "pixel"),
    ],
)
def test_a_wrong_argument_is_named(data, call, name):
    with pytest.raises(ValueError, match=rf"^{name}\b"):
        call(data)
