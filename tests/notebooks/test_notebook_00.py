"""Notebook 00: its parameters, the drawn digit, the map, the tables and the self-test. nbval runs it."""

import re

import pytest
from shipped import FOLDER, Shipped

from rolab.course.nb00_start.drawn_digit import first_flips

SHIPPED = Shipped("00")
HTML = [output.data["text/html"] for output in SHIPPED.outputs if "text/html" in output.get("data", {})]


def test_the_parameters():
    assert SHIPPED.parameters() == {"digit": 5, "norm": "linf"}


@pytest.mark.parametrize(
    "wrong, error",
    [
        ({"digit": 10}, ValueError),
        ({"digit": "5"}, TypeError),
        ({"norm": "l3"}, ValueError),
        ({"nom": "l2"}, NameError),
    ],
)
def test_a_wrong_parameter_fails_at_once_with_its_name(wrong, error):
    with pytest.raises(error, match=next(iter(wrong))):
        SHIPPED.start(1, **wrong)


def test_every_picture_has_a_text_that_stands_in_for_it():
    pictures = re.findall(r"<img [^>]*>", "".join(html.partition("<iframe")[0] for html in HTML))
    assert len(pictures) == 4
    for picture in pictures:
        assert len(re.search(r'alt="([^"]*)"', picture)[1]) > 60


def test_the_file_opens_at_epsilon_0_and_gives_no_answer():
    """Nothing but the slider tells at which ε a network is wrong."""
    (drawn,) = (html for html in HTML if "<iframe" in html)
    assert "digit=5&amp;amp;norm=linf" in drawn or "digit=5&amp;norm=linf" in drawn
    assert "eps=" not in drawn.partition("srcdoc")[0] and not re.search(r"state&quot;: &quot;[^;]*eps", drawn)
    radii = first_flips(**SHIPPED.parameters())
    assert radii["baseline"] < radii["robust-linf"]
    for radius in radii.values():
        assert f"{radius:.4g}" not in SHIPPED.unfolded().replace(drawn, "")
        assert f"{radius:.4g}" in "".join(HTML).replace(drawn, ""), "in the fold"


def test_the_self_test_is_all_ticks_and_the_nets_read_equally_well():
    (found,) = (html for html in HTML if "All is ready." in html)
    assert "✗" not in found
    first, second = re.findall(r": ([\d.]+) % of", SHIPPED.shown())
    assert abs(float(first) - float(second)) < 0.5


def test_it_is_the_first_of_the_chain():
    first = SHIPPED.notebook.cells[0].source
    assert "**After** [01," in first
    for link in re.findall(r"\]\((\d\d_\w+\.ipynb)\)", SHIPPED.text + SHIPPED.shown()):
        assert (FOLDER / link).is_file()
