"""The command behind results/tangent_energy.json: on few digits, and what the shipped record says."""

import pytest
import torch

from rolab import storage, zoo
from rolab.data import mnist
from rolab.experiments import tangent_energy
from rolab.manifold import KNOWN_TANGENTS


@pytest.mark.slow
def test_it_trains_measures_and_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(tangent_energy, "mnist", lambda split: mnist(split)[:800])
    threads = torch.get_num_threads()
    tangent_energy.main(tmp_path, "3,4", digits=20, epochs=1)
    torch.set_num_threads(threads)
    record = storage.read_json(tmp_path / "tangent_energy.json")
    assert record["seeds"] == [3, 4] and record["digits"] == 20
    assert [row["basis"] for row in record["rows"]] == ["autoencoder", "local-pca", "global-pca", "random"]
    for row in record["rows"]:
        each = [part["mean"] for part in row["tangents"].values()]
        assert list(row["tangents"]) == list(KNOWN_TANGENTS) and len(row["share"]["values"]) == 2
        assert sum(each) / 6 == pytest.approx(row["share"]["mean"], rel=1e-5)
    card = storage.read_json(tmp_path / "mnist.json")
    assert card["seed"] == 3 and card["objective"] == repr(tangent_energy.OBJECTIVE)
    assert card["tangent_energy"] == pytest.approx(record["rows"][0]["share"]["values"][0], abs=1e-4)


def test_neighbours_and_the_autoencoder_hold_more_than_the_principal_directions():
    rows = {row["basis"]: row["share"] for row in storage.load_result("tangent_energy")["rows"]}
    assert min(rows["local-pca"]["values"]) > max(rows["autoencoder"]["values"])
    assert min(rows["autoencoder"]["values"]) > max(rows["global-pca"]["values"])
    assert min(rows["global-pca"]["values"]) > max(rows["random"]["values"])
    assert rows["random"]["mean"] == pytest.approx(15 / 784, abs=0.004)


def test_the_card_is_that_of_the_shipped_record():
    record, card = storage.load_result("tangent_energy"), zoo.card("autoencoders/mnist")
    assert (card["objective"], card["recipe"]) == (record["objective"], record["recipe"])
    place = record["seeds"].index(card["seed"])
    assert card["tangent_energy"] == pytest.approx(record["rows"][0]["share"]["values"][place], abs=1e-4)
