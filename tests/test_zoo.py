"""The shipped networks: what their cards say is so."""

import shutil
from pathlib import Path

import pytest

from rolab import storage, zoo
from rolab.data import cifar10, is_fetched, mnist
from rolab.errors import RecordError
from rolab.evaluation import accuracy
from rolab.experiments import NETS

SHIPPED = {f"mnist/{net}": 105_506 for net in (*NETS, "masked")} | {"mnist/scattering": 39_700}  # parameters
PHOTOGRAPHED = [f"cifar10/{net}" for net in NETS]


def test_the_nets_of_the_tables_ship_and_those_of_notebooks_05_06_and_09():
    assert zoo.names() == sorted([*SHIPPED, *PHOTOGRAPHED, "autoencoders/mnist"])
    assert zoo.card("mnist/masked")["objective"] == "Robust(Ball('linf', 0.3))"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_net_is_as_good_as_its_card(name):
    card, model = zoo.card(name), zoo.load(name)
    assert not model.training
    assert card["parameters"] == sum(p.numel() for p in model.parameters()) == SHIPPED[name]
    assert accuracy(model, mnist("test")) == pytest.approx(
        card["test_accuracy"], abs=0.02
    )  # rounding: 2 images


@pytest.mark.parametrize("name", PHOTOGRAPHED)
def test_a_net_of_photographs_is_as_good_as_its_card(name):
    """Exactly so where all test images are here; the thousand that ship are a sample of them."""
    card, model = zoo.card(name), zoo.load(name)
    assert card["parameters"] == sum(p.numel() for p in model.parameters())
    whole = is_fetched()
    share = card["test_accuracy"] / 100
    sampled = 100 * (share * (1 - share) / 1000) ** 0.5  # one standard error
    assert accuracy(model, cifar10("test", excerpt=not whole)) == pytest.approx(
        card["test_accuracy"], abs=0.02 if whole else 3 * sampled
    )


@pytest.mark.parametrize("experiment", ["mnist", "cifar10"])
@pytest.mark.parametrize("net", NETS)
def test_the_cards_are_those_of_the_shipped_results(experiment, net):
    table, card = storage.load_result(experiment), zoo.card(f"{experiment}/{net}")
    place = table["seeds"].index(card["seed"])
    row = next(row for row in table["rows"] if row["net"] == net)
    for column in ("test_accuracy", "adversarial_accuracy"):
        assert card[column] == row[column]["values"][place]
    for norm, radius in card["collection_radii"].items():
        assert radius == table["collection"]["radii"][norm]["values"][place]
    assert (card["preset"], card["recipe"], card["radius"]) == (
        table["preset"],
        table["recipe"],
        row["radius"],
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "robust-linf",
        "mnist/robust",
        "../_zoo/mnist/baseline",
        "mnist/../mnist/baseline",
        str(zoo.SHELF / "mnist/baseline"),
    ],
)
def test_an_unknown_name_is_answered_with_the_known(name):
    for ask in (zoo.card, zoo.load):
        with pytest.raises(
            ValueError, match=r"expected one of .*mnist/baseline, mnist/masked, mnist/robust-l1"
        ):
            ask(name)


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A copy of the shelf, which a test may spoil."""
    shutil.copytree(Path(zoo.__file__).parent / "_zoo", tmp_path / "zoo")
    monkeypatch.setattr(zoo, "SHELF", tmp_path / "zoo")
    return tmp_path / "zoo" / "mnist"


def test_altered_cut_or_missing_weights_are_refused(shelf):
    weights = shelf / "baseline.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-4] + b"\0\0\0\1")
    with pytest.raises(RecordError, match="baseline.safetensors was altered or cut short"):
        zoo.load("mnist/baseline")
    weights.write_bytes(content[:1000])
    with pytest.raises(RecordError, match="altered or cut short"):
        zoo.load("mnist/baseline")
    weights.unlink()
    with pytest.raises(RecordError, match=r"cannot read .*baseline\.safetensors: No such file"):
        zoo.load("mnist/baseline")
    (shelf / "robust-l1.json").write_text("{")
    with pytest.raises(RecordError, match=r"robust-l1.json is damaged"):
        zoo.load("mnist/robust-l1")
