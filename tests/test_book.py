"""What the book is made of: cards, records and lists that come from files, and links that lead somewhere."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from rolab import zoo
from rolab.storage import load_result

ROOT = Path(__file__).parents[1]


def script(name):
    """A file of scripts/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


pages = script("book_pages")
book = script("book")


@pytest.fixture(scope="module")
def cards():
    """The section of each net."""
    parts = pages.model_cards().split("\n## ")
    return {part.removeprefix("## ").split()[0]: part for part in parts}


def test_every_net_of_the_zoo_has_a_card_with_uses_and_limits(cards):
    assert list(cards) == zoo.names()
    for name, text in cards.items():
        card = zoo.card(name)
        assert "**For** " in text and "**Limits** " in text and card["sha256"][:16] in text
        accuracy = card.get("test_accuracy")
        assert accuracy is None or f"| clean accuracy | {accuracy:.2f} % |" in text
    of_the_rest = [name for name in zoo.names() if name not in pages.USES]
    assert of_the_rest == [name for name in zoo.names() if name.split("/")[0] == "cifar10"]


def test_the_masked_net_and_no_other_is_said_to_be_unreliable(cards):
    marked = [name for name, text in cards.items() if pages.UNRELIABLE in text]
    assert marked == ["mnist/masked"]
    assert "## mnist/masked (unreliable)" in pages.model_cards()


def test_the_worst_case_is_that_of_the_record(cards):
    runs = load_result("robustness")["runs"]
    for net in ("baseline", "robust-linf"):
        left = [radius is None or radius > 0.1 for radius in runs[f"{net}/ensemble"]["first_failure_radius"]]
        share = 100 * sum(left) / len(left)
        (row,) = (line for line in cards[f"mnist/{net}"].splitlines() if line.startswith("| 0.1 |"))
        assert f"{share:.1f} %" in row.split("|")[4]
    assert "not measured" in cards["cifar10/baseline"]


def test_every_record_is_listed_with_what_it_says_of_itself():
    rows = {line.split("`")[1]: line for line in pages.records().splitlines() if "`" in line}
    files = sorted((ROOT / "results").glob("*.json"))
    assert list(rows) == [path.name for path in files]
    for path in files:
        made = next(pages.find(json.loads(path.read_text()), "environment"))
        assert made["torch"] in rows[path.name] and made["processor"] in rows[path.name]


def test_a_link_to_a_notebook_that_is_not_there_is_words():
    (there, *_) = sorted((ROOT / "notebooks").glob("*.ipynb"))
    text = f"[a]({there.name}), [b](notebooks/{there.name}), [c](99_none.ipynb) and [d](https://x.org/1)"
    kept = f"[a]({there.name}), [b](notebooks/{there.name}), c and [d](https://x.org/1)"
    assert book.without_dead_links(text) == kept


def test_the_glossary_leads_to_notebooks():
    found = book.LINK.findall((ROOT / "docs" / "glossary.md").read_text())
    assert len(found) > 40
    assert {words for words, name in found} == {name[:2] for words, name in found}
    assert all((ROOT / "notebooks" / name).is_file() for _, name in found)


def test_the_reference_has_all_public_names():
    import rolab

    text = pages.reference()["rolab"]
    for name in rolab.__all__:
        assert f"`{name}`" in text
        home = f"rolab.{rolab._HOME[name].split('.')[0]}"
        assert home in pages.MODULES or home in ("rolab.experiments", "rolab.course"), home
