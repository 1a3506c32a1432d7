"""Figures stand alone: PNG without a browser, a page without a network, a text without either."""

import io
import re

import pytest
from matplotlib.text import Text as Artist
from PIL import Image
from standing_figures import shows, slides

from rolab.plotting import ABOVE, Axis, Curves, Figure, Line, Panel, Points, Table, Text
from rolab.plotting.figure import legend_rows
from rolab.plotting.style import STYLES, style


@pytest.fixture
def figure():
    return Curves("A message", [0, 1, 2], {"l1": [0.0, 1.0, 4.0]}, "x", "y", alt="what is seen")


def test_matplotlibs_settings_do_not_matter(figure):
    import matplotlib

    before = figure.png_bytes()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 10}):
        assert figure.png_bytes() == before


def test_equal_data_give_equal_files(figure, tmp_path):
    for name in ("a", "b"):
        figure.png(tmp_path / f"{name}.png")
        figure.html(tmp_path / f"{name}.html")
    for kind in ("png", "html"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    page = (tmp_path / "a.html").read_text()
    assert not re.search(r'<(script|link|img)[^>]+(src|href)="(?!data:)', page), "opens offline"
    assert "Plotly.newPlot" in page and "<summary>The numbers</summary>" in page and "what is seen" in page
    assert Image.open(io.BytesIO((tmp_path / "a.png").read_bytes())).width == 1440


def test_a_picture_speaks_for_itself_in_a_notebook(figure):
    data = figure._repr_mimebundle_()
    assert shows(data) == "what is seen" and 'width="720"' in data["text/html"]
    assert "<script" not in data["text/html"], "no script where nothing slides"
    assert slides(figure.sliding("k")._repr_mimebundle_())["config"] == {"displayModeBar": False}


def test_a_long_title_is_smaller_and_a_short_one_is_not(figure):
    assert figure.title_size == 16
    long = Curves("A message that does not end, " * 5, [0, 1], {"l1": [0.0, 1.0]}, "x", "y")
    assert 5 < long.title_size < 16 and long.title_size * 0.53 * len(long.title) <= 720


def test_tables_are_shown_in_a_notebook_and_in_a_terminal():
    rows = Table([{"net": "baseline", "flip": 0.1}, {"net": "robust <ℓ1>", "flip": None}])
    assert repr(rows).splitlines()[2].endswith("–") and "robust &lt;ℓ1&gt;" in rows._repr_html_()


@pytest.mark.parametrize("entries, rows", [(["0 (true)", *"123456789ε"], 1), (["automobile"] * 11, 3)])
def test_rows_of_a_legend(entries, rows):
    assert legend_rows(entries) == rows


def test_every_style_differs_in_more_than_its_colour():
    looks = [*STYLES.values(), *(style(f"curve {place}", place) for place in range(3))]
    assert len({(look.dash, look.marker) for look in looks[:3]}) == 3
    assert len({(look.dash, look.marker) for look in looks[3:]}) == 3
    assert style("l2") == STYLES["l2"] and style("other", 1, {"other": STYLES["l1"]}) == STYLES["l1"]


@pytest.mark.parametrize(
    "words", ["$", "costs $5 or $6", "$x_$", "$\\frac{1}$", "\\$", "$$", "50 % {of} ^_~#&"]
)
def test_words_are_drawn_as_they_are_and_are_no_formulas(words):
    """In every place where a figure has words; only matplotlib's own tick labels are formulas."""
    marks = [
        Line([1, 2], [1, 2], name=words),
        Text(1, 1, words),
        Points([1], [1], name=f"{words}<br>{words}"),
    ]

    class Worded(Figure):
        title, legend = words, ABOVE

        def panels(self):
            return [Panel(marks, Axis(words, (1, 10), log=True), Axis(words), title=words)]

        def table(self):
            return [{words: words}]

    assert Worded().png_bytes(30)
    drawn = [text for text in Worded().matplotlib().findobj(Artist) if words in text.get_text()]
    assert len(drawn) == 7 and not any(text.get_parse_math() for text in drawn)
