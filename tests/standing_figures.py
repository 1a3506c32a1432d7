"""What figures with a slider of their own have in common."""

import html
import json
import re

from rolab.plotting.figure import Figure


def stands_without_a_kernel(figure):
    assert isinstance(figure, Figure) and figure.slides
    data = figure._repr_mimebundle_()
    assert (
        shows(data) == figure.alt and figure.title in figure.alt and set(data) == {"text/html", "text/plain"}
    )
    found = slider(data)
    assert found["page"]["data"] == json.loads(json.dumps(figure.plotly()["data"]))
    assert len(found["alts"]) == len(found["page"]["layout"]["sliders"][0]["steps"]) == len(figure.places)
    assert len(json.dumps(data)) < 250_000  # of a megabyte that a notebook may have
    assert figure.png_bytes() == figure.png_bytes()


def shows(data):
    """The text of the picture that an output shows where no kernel runs."""
    (alt,) = re.findall(r'<img alt="(.*?)"', data["text/html"])
    assert html.unescape(alt) == data["text/plain"]
    return data["text/plain"]


def slider(data):
    """What the slider has that an output shows where no kernel runs: `page`, plotly's figure, and `alts`."""
    (text,) = re.findall(r'<script type="application/json">(.*?)</script>', data["text/html"], re.DOTALL)
    return json.loads(text)


def slides(data):
    """The figure of plotly whose slider an output shows where no kernel runs."""
    return slider(data)["page"]


def steps(figure):
    """What its slider changes at each place: of the layout, path by path."""
    every = figure.plotly()["layout"]["sliders"][0]["steps"]
    return [step["args"][-1 if step["method"] == "relayout" else 1] for step in every]
