"""What figures with a slider of their own have in common."""

import json

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
