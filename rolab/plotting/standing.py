"""A figure as HTML that stands in a page without a kernel: a picture with its text, and a slider.

The slider is a native one, so it works from the keyboard, and says its place. Where scripts may not run, as
in a notebook that JupyterLab does not trust yet, the picture and its text are left.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from rolab.plotting.style import CONFIG, WIDTH


def standing(png: bytes, alt: str, page: Mapping[str, Any] | None = None, alts: Sequence[str] = ()) -> str:
    """The HTML of a picture 720 px wide; of a figure with a slider if there is plotly's page of it.

    Args:
        png: the picture
        alt: the text that stands in for it
        page: plotly's figure, with a slider
        alts: the text at each place of the slider
    """
    width, height = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
    size = f'width="{WIDTH}" height="{round(height * WIDTH / width)}" style="max-width: none"'
    source = "data:image/png;base64," + base64.b64encode(png).decode()
    picture = f'<img alt="{escape(alt)}" {size} src="{source}">'
    slider = ""
    if page is not None:
        found = {"page": {**page, "config": dict(CONFIG)}, "alts": list(alts), "address": _address()}
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
        slider = "<p>The slider of this figure needs a kernel, or a page that may run scripts.</p>"
        slider += f'<script type="application/json">{text}</script><script>{_script()}</script>'
    # A narrow screen scrolls the picture, from the keyboard too.
    scrolls = f'<div tabindex="0" style="overflow-x: auto">{picture}</div>'
    return f'<figure class="rolab-figure" style="margin: 0">{scrolls}{slider}</figure>'


@cache
def _script() -> str:
    return Path(__file__).with_name("standing.js").read_text(encoding="utf-8")


@cache
def _address() -> str:
    from plotly.offline import get_plotlyjs_version

    return f"https://cdn.plot.ly/plotly-{get_plotlyjs_version()}.min.js"
