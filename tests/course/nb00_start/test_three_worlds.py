"""The map: the worst case in each picture is that of its set, and each picture is a link with a text."""

import base64
import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import torch

from rolab.course.nb00_start.three_worlds import DIRECTION, SCALE, SIDE, WORLDS, ThreeWorlds

FOLDER = Path(__file__).parents[3] / "notebooks"


def drawn(svg, color):
    """The points of the arrow of this colour: its tip first."""
    (points,) = re.findall(rf'<polygon points="([^"]+)" fill="{color}"', svg)
    return [plane(pair) for pair in points.split()]


def plane(pair):
    """A point of the picture, such as "110.0,52.0", in the plane."""
    x, y = map(float, pair.split(","))
    return (x - SIDE / 2) / SCALE, (SIDE / 2 - y) / SCALE


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.title)
def test_the_red_arrow_ends_at_the_furthest_point_of_the_set(world):
    svg = world.svg()
    tip = torch.tensor(drawn(svg, "#D55E00")[0])
    (outline,) = re.findall(r'<polygon points="([^"]+)" fill="#dddddd"', svg)
    corners = torch.tensor([plane(pair) for pair in outline.split()])
    assert float(tip @ DIRECTION[0]) == pytest.approx(float((corners @ DIRECTION[0]).max()), abs=5e-3)
    assert float(tip @ DIRECTION[0]) == pytest.approx(float(world.U.support(DIRECTION)), abs=5e-3)


def test_the_blue_arrow_is_the_same_in_all():
    tips = {drawn(world.svg(), "#0072B2")[0] for world in WORLDS}
    ((x, y),) = tips
    assert math.atan2(y, x) == pytest.approx(math.atan2(*DIRECTION[0].flip(0).tolist()), abs=1e-2)


def test_each_world_is_a_picture_with_a_text_and_a_link_to_a_notebook():
    html = ThreeWorlds()._repr_html_()
    picture = r'<a href="([^"]+)"><img alt="([^"]+)" src="data:image/svg\+xml;base64,([^"]+)"></a>'
    found = re.findall(picture, html)
    assert len(found) == 3
    for link, alt, svg in found:
        assert (FOLDER / link).is_file() and len(alt) > 60
        root = ElementTree.fromstring(base64.b64decode(svg))
        assert root.find("{http://www.w3.org/2000/svg}title").text in alt
    assert len(repr(ThreeWorlds()).splitlines()) == 3
