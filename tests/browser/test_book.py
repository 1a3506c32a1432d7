"""The book in a browser, from a folder and without a net: it is found one's way in, and its sliders move."""

import importlib.util
import subprocess
import sys
from urllib.parse import urljoin

import browser_driver as driver
import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NEEDED = ("sphinx", "myst_nb", "furo", "sphinx-mathjax-offline")
FIGURE = "figure.rolab-figure"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The folder of its pages."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        pytest.skip(f"no {', '.join(missing)} here; make book installs them")
    folder = tmp_path_factory.mktemp("book")
    command = [sys.executable, driver.ROOT / "scripts" / "book.py", "--out", folder]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture
def opened(browser, book):
    """A function that opens a page, which may ask for nothing outside the folder and say no error."""
    pages, errors = [], []

    def open_page(name, width=1280):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda asked: errors.append(asked.url) if asked.url.startswith("http") else None)
        page.goto((book / name).as_uri(), timeout=driver.MINUTES)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert driver.serious(errors) == []


def notebook_pages(book):
    return [f"notebooks/{path.stem}.html" for path in sorted(driver.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))]


def test_every_notebook_is_a_page_and_next_leads_through_all(book, opened):
    page, seen = opened("index.html"), []
    for _ in range(60):
        following = page.locator("a.next-page")
        if not following.count():
            break
        page.goto(urljoin(page.url, following.get_attribute("href")), timeout=driver.MINUTES)
        seen.append(page.url.removeprefix(book.as_uri() + "/"))
    expected = notebook_pages(book)
    assert seen[: len(expected)] == expected
    assert {"glossary.html", "teaching.html", "model_cards.html", "reproducibility.html"} <= set(seen)
    assert page.locator("a.prev-page").count()


def test_links_between_notebooks_lead_to_pages(book, opened):
    page = opened("notebooks/02_robustness_is_regularisation.html")
    links = page.eval_on_selector_all("article a", "all => all.map(each => each.getAttribute('href'))")
    assert any(link.startswith("01_robust_linear_programs.html") for link in links)
    assert not [link for link in links if link.endswith(".ipynb") and not link.startswith("http")]


def test_a_slider_moves_a_figure_with_the_plotly_of_the_book(book, opened):
    for name in notebook_pages(book):
        page = opened(name)
        sliders = page.locator(f"{FIGURE} input[type=range]")
        if not sliders.count():
            continue
        figure = sliders.first.locator("xpath=ancestor::figure")
        # It may be in a fold, as what a prediction reveals.
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        before = sliders.first.get_attribute("aria-valuetext")
        sliders.first.focus()
        page.keyboard.press("End" if sliders.first.input_value() == "0" else "Home")
        figure.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=driver.MINUTES)
        assert sliders.first.get_attribute("aria-valuetext") != before
        assert figure.locator("img").is_hidden()
        sources = page.eval_on_selector_all("script[src*=plotly]", "all => all.map(each => each.src)")
        assert sources == [(book / "_static" / "plotly.min.js").as_uri()]


def test_formulas_are_set(opened):
    page = opened("notebooks/03_worst_case_perturbations.html")
    page.locator("mjx-container svg").first.wait_for(timeout=driver.MINUTES)
    assert page.locator("mjx-merror").count() == 0


def test_search_finds(opened):
    page = opened("index.html")
    page.locator("input[name=q]").first.fill("ellipsoid")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.wait_for(timeout=driver.MINUTES)
    found = page.locator("#search-results li a").all_text_contents()
    assert any("Robust linear programs" in title for title in found)


def test_it_is_dark_when_asked(opened):
    page = opened("notebooks/01_robust_linear_programs.html")

    def ground():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = ground()
    for _ in range(3):
        page.locator(".theme-toggle:visible").first.click()
        if page.locator("body").get_attribute("data-theme") == "dark":
            break
    assert page.locator("body").get_attribute("data-theme") == "dark" and ground() != light


def test_a_narrow_screen_scrolls_no_page_sideways(book, opened):
    for path in sorted(book.rglob("*.html")):
        page = opened(path.relative_to(book), width=390)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        page.close()


def test_every_picture_has_its_text(book, opened):
    for name in notebook_pages(book):
        without = "all => all.filter(each => !each.alt).map(each => each.outerHTML.slice(0, 200))"
        assert opened(name).eval_on_selector_all("article img", without) == []
