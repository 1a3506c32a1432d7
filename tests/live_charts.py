"""What the browser shows of a live chart: the base figure, and the patch on it."""

import copy
import re


def keys_of(path):
    """The keys of a path such as "layout.images[1].source"."""
    return [int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path)]


def lookup(page, path):
    """What a page has at a path."""
    for key in keys_of(path):
        page = page[key]
    return page


def page_of(chart):
    """The page that the browser draws: `data` and `layout`."""
    page = copy.deepcopy(chart.widget.figure)
    for path, value in chart.widget.patch.items():
        *keys, last = keys_of(path)
        place = page
        for key in keys:
            place = place[key]
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    return page
