"""Rows of images: every image is where its circle, its frame and its caption are."""

import io

import numpy as np
import torch
from PIL import Image

from rolab.plotting.image_grid import ImageGrid, ImageRow
from rolab.plotting.marks import Line, Points, Text


def of(marks, kind):
    return [mark for mark in marks if isinstance(mark, kind)]


def test_the_mosaic_holds_every_image_where_the_circle_is():
    images = torch.zeros(2, 1, 28, 28)
    images[1, 0, 4, 9] = 1.0
    rows = [ImageRow(images, circles=[None, (4, 9)]), ImageRow(images, captions=["a", "b"], gain=1)]
    figure = ImageGrid("t", rows)
    mosaic, _, marks = figure._laid_out()
    (ring,), white = of(marks, Points), (mosaic == 255).all(2)
    (x,), (y,) = ring.x, ring.y
    assert ring.hollow and white[int(y), int(x)] and not white[int(y), int(x) + 1]
    assert [text.text for text in of(marks, Text) if text.text] == ["a", "b"] and len(of(marks, Line)) == 2
    assert Image.open(io.BytesIO(figure.png_bytes())).width == 1440
    assert figure.table() == [
        {"row": "", "picture": 2, "caption": "", "pixel": (4, 9)},
        {"row": "", "picture": 1, "caption": "a", "pixel": None},
        {"row": "", "picture": 2, "caption": "b", "pixel": None},
    ]


def test_gains_may_differ_in_a_row():
    images = torch.full((2, 1, 28, 28), 0.5)
    mosaic, _, marks = ImageGrid("t", [ImageRow(images, gain=[None, 2])])._laid_out()
    colors = {tuple(p) for p in mosaic.reshape(-1, 3).tolist()}
    assert len(of(marks, Line)) == 1 and {(128, 128, 128), (179, 88, 6)} <= colors


def test_both_renderings_have_the_mosaic_as_high_as_the_figure():
    figure = ImageGrid("t", [ImageRow(torch.rand(3, 3, 32, 32), "one"), ImageRow(torch.rand(2, 3, 32, 32))])
    layout, page = figure.plotly()["layout"], figure.matplotlib()
    assert layout["height"] == figure.height == round(100 * page.get_figheight())
    (image,), ((drawn,),) = layout["images"], [axes.images for axes in page.axes]
    assert (image["sizex"], image["sizey"]) == np.asarray(drawn.get_array()).shape[1::-1]
