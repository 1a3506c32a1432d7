"""The nets of a seed begin alike, and what a finished one keeps is always the same."""

import random
import shutil
import warnings
from dataclasses import replace

import pytest
import torch
from tiny_experiment import tiny

from rolab.data import Dataset
from rolab.errors import RecordError
from rolab.experiments import NETS, mnist_experiment
from rolab.experiments import seed as seeds
from rolab.nets import ConvNet
from rolab.objectives import Nominal
from rolab.storage import read_json, write_json
from rolab.training import Recipe, keep_weights, train


def test_all_nets_of_a_seed_have_one_initialisation_one_recipe_and_the_same_data(
    monkeypatch, tmp_path, mnist_test
):
    class Enough(Exception):
        pass

    asked = []

    def spy(model, data, objective, recipe, *, seed, **_):
        weights = torch.cat([p.detach().flatten() for p in model.parameters()])
        asked.append((seed, weights, data.images, recipe, objective))
        raise Enough

    monkeypatch.setattr(seeds, "train", spy)
    # The paper's recipe has no default value.
    experiment = replace(mnist_experiment("paper"), load=lambda split: mnist_test)
    state = torch.get_rng_state()
    for seed in (0, 1):
        for net in NETS:
            with pytest.raises(Enough):
                seeds.train_net(experiment, seed, net, tmp_path, "cpu", lambda *_: None)
    assert torch.equal(torch.get_rng_state(), state)
    for seed, weights, images, recipe, _ in asked:
        same = next(other for other in asked if other[0] == seed)
        assert torch.equal(weights, same[1])
        assert torch.equal(images, mnist_test.images)
        assert recipe == experiment.recipe
    assert not torch.equal(asked[0][1], asked[-1][1])
    assert [repr(each[4]) for each in asked[:4]] == [repr(experiment.objective(net)) for net in NETS]


@pytest.mark.slow
def test_no_bit_of_a_seed_s_folder_changes_the_table_unseen(tmp_path, mnist_test):
    """A hundred bits, each alone, over its records, nets and collection: the same again, or one sentence."""
    some = replace(
        tiny,
        load=lambda split: mnist_test[:400] if split == "test" else mnist_test[400:1600],
        nets={net: tiny.nets[net] for net in ("baseline", "robust-linf")},
        recipe=Recipe(epochs=2, batch_size=50),
    )

    def measured(folder):
        for net in some.nets:
            seeds.train_net(some, 0, net, folder, "cpu", lambda *_: None)
        return seeds.evaluate_seed(some, 0, folder, "cpu", lambda *_: None)

    whole, chance, folder, told, refused = (
        measured(kept := tmp_path / "kept"),
        random.Random(0),
        tmp_path / "seed-0",
        0,
        0,
    )
    names = sorted(
        path.relative_to(kept) for path in kept.rglob("*") if path.suffix in (".json", ".safetensors")
    )
    for _ in range(100):
        shutil.copytree(kept, folder)
        path = folder / chance.choice(names)
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                found = measured(folder)
                assert {name: found[name] for name in whole} == whole
            except RecordError as error:
                refused += 1
                assert path.name == "weights.safetensors" and str(path) in str(error)
        told += bool(said)
        shutil.rmtree(folder)
    assert refused > 5 and told > 50, f"{refused} refused, {told} mended"


def test_what_a_finished_run_keeps_is_the_same_however_often_it_was_interrupted(tmp_path):
    data = Dataset(torch.rand(20, 1, 28, 28), torch.arange(20) % 10)

    def trained():
        net = ConvNet()
        history = train(net, data, Nominal(), Recipe(epochs=1), folder=tmp_path, device="cpu", progress=False)
        return net, history.history

    net, history = trained()
    state, before = (tmp_path / "state-0001.safetensors").read_bytes(), read_json(tmp_path / "run.json")
    first = keep_weights(tmp_path, "float16")
    assert first == read_json(tmp_path / "run.json") and first["history"] == before["history"] == history
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {".run.json.lock", "run.json", "run.before.json", "weights.safetensors"}
    (tmp_path / "state-0001.safetensors").write_bytes(state)  # killed before it was removed,
    assert keep_weights(tmp_path, "float16") == first
    (tmp_path / "state-0001.safetensors").write_bytes(state)  # and before the record was written
    write_json(tmp_path / "run.json", before)
    assert keep_weights(tmp_path, "float16") == first
    assert not list(tmp_path.glob("state-*"))
    again, same = trained()  # finished: nothing is trained, the net is what was kept
    assert same == history
    for one, other in zip(net.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one.half().float(), other.float())
