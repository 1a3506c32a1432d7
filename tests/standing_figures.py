"""What is asked of figures with a slider of their own, and of live charts."""

import json
import re
from copy import deepcopy
from functools import reduce
from operator import getitem

from rolab.plotting.figure import Figure


def stands_without_a_kernel(figure):
    assert isinstance(figure, Figure) and figure.slides
    data, metadata = figure._repr_mimebundle_()
    assert {"application/vnd.plotly.v1+json", "image/png", "text/plain"} == set(data)
    assert metadata["image/png"]["alt"] == figure.alt and figure.title in figure.alt
    assert len(json.dumps(data)) < 200_000
    assert figure.png_bytes() == figure.png_bytes()


def steps(figure):
    """What its slider changes at each place: of the layout, path by path."""
    every = figure.plotly()["layout"]["sliders"][0]["steps"]
    return [step["args"][-1 if step["method"] == "relayout" else 1] for step in every]


def in_the_browser(chart):
    """The page that a live chart shows: its base figure, changed by the patch."""
    page = deepcopy(chart.widget.figure)
    for path, value in chart.widget.patch.items():
        *keys, last = (int(key) if key.isdigit() else key for key in re.findall(r"[^.[\]]+", path))
        there = reduce(getitem, keys, page)
        if value is None:
            there.pop(last, None)
        else:
            there[last] = value
    return page
