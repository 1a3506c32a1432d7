"""Devices: by name, automatically, and which of them multiply bfloat16."""

import pytest
import torch
from tiny_runs import SHORT, U, blobs, net

from rolab.data import Dataset
from rolab.nets import ConvNet
from rolab.objectives import Nominal, Robust
from rolab.training import Recipe, pick_device, train
from rolab.training.devices import multiplies_bfloat16


@pytest.mark.parametrize("device", ["nonsense", "cuda:99", "", "gpu", "meta"])
def test_an_unknown_device_is_named(device):
    with pytest.raises(ValueError, match="device is") as caught:
        pick_device(device)
    assert repr(device) in str(caught.value)
    with pytest.raises(ValueError, match="device is"):
        train(net(), blobs(), Nominal(), SHORT, device=device, progress=False)


def test_auto_takes_what_the_machine_has():
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert pick_device().type == expected
    assert pick_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.skipif(pick_device().type == "cpu", reason="no accelerator here")
def test_on_the_accelerator(tmp_path):
    model, data = ConvNet(), Dataset(torch.rand(60, 1, 28, 28), torch.randint(0, 10, (60,)))
    for epochs in (1, 2):  # the second goes on from the first's file
        recipe = Recipe(epochs=2, batch_size=20)
        stop = [KeyboardInterrupt] if epochs == 1 else []

        def progress(done, *_, stop=stop):
            if done == 3 and stop:
                raise stop.pop()

        try:
            found = train(
                model, data, Robust(U), recipe, folder=tmp_path / "run", test=data, progress=progress
            )
        except KeyboardInterrupt:
            assert epochs == 1
    assert {p.device.type for p in model.parameters()} == {pick_device().type}
    assert len(found.history) == 2


@pytest.mark.parametrize("name", ["avx512_bf16", "amx_bf16", "bf16", "avx2", None])
def test_which_processors_have_instructions_for_bfloat16(monkeypatch, name):
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx2": True, name: True}, raising=False)
    assert multiplies_bfloat16("cpu") == (name in ("avx512_bf16", "amx_bf16", "bf16"))
    monkeypatch.delattr("torch.cpu.get_capabilities")  # as in an older torch
    assert not multiplies_bfloat16("cpu")
    assert not multiplies_bfloat16("mps")
