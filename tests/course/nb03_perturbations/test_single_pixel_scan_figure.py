"""The figure of a scan says what it shows, and hides the truth until it is revealed."""

import pytest
from single_pixels import SmallNet, small_images

from rolab.course.nb03_perturbations.single_pixel_scan import SinglePixelFigure, single_pixel_scan


@pytest.fixture
def scan():
    data = small_images()
    return single_pixel_scan(SmallNet(), data.images[3:4], int(data.labels[3]), net="baseline")


def test_the_figure_says_what_it_shows(scan):
    figure = SinglePixelFigure(scan, scan.step)
    assert figure.title == scan.sentence(scan.step) and figure.title in figure.alt
    assert "the best is" in figure.alt
    assert "the best is" not in SinglePixelFigure(scan, scan.step, revealed=False).alt
    assert figure.table() == [scan.row(scan.step)] and figure.png_bytes().startswith(b"\x89PNG")


def test_marks_hold_the_numbers_of_the_scan(scan):
    *pictures, cloud, bars = SinglePixelFigure(scan, 7).panels()
    for panel in pictures:
        _, ring, to_click = panel.marks
        assert (ring.y[0], ring.x[0]) == scan.place(7)
        assert [scan.number(*place) for place in zip(to_click.y, to_click.x, strict=True)] == list(range(30))
    every, step, promise, best, shown = cloud.marks
    assert list(every.x) == scan.best_promised.tolist() and list(every.y) == scan.best_rise.tolist()
    assert promise.x == promise.y == [0, float(scan.best_promised.max())]
    points = scan.point(scan.step, scan.step_way), scan.point(scan.truth), scan.point(7)
    for mark, point in zip((step, best, shown), points, strict=True):
        assert (mark.x[0], mark.y[0]) == point
    before, after = bars.marks
    assert before.y.tolist() == scan.before.softmax(0).tolist()
    assert after.y.tolist() == scan.probability(7).tolist()


def test_what_is_hidden_has_no_marks(scan):
    _, _, truth, cloud, _ = SinglePixelFigure(scan, 7, revealed=False).panels()
    assert [len(list(mark.x)) for mark in cloud.marks] == [0, 0, 2, 0, 1]
    assert truth.title == "the truth: hidden" and (truth.marks[0].pixels == 255).all()
    _, _, truth, _, _ = SinglePixelFigure(scan, 7).panels()
    assert truth.title == "the truth" and (truth.marks[0].pixels != 255).any()
