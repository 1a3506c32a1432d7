"""The command behind results/scattering.json: on few digits, and what the shipped record says."""

import itertools

import pytest
import torch
import typer
from torch import nn

from rolab import storage, zoo
from rolab.experiments import scattering_stability as stability
from rolab.nets import Scattering

MAPS = ["pixels", "convnet", "scattering"]


def ramp(n=28):
    """An image of its columns' numbers, and one of its rows'."""
    places = torch.arange(float(n)).expand(n, n)
    return torch.stack([places, places.T])[:, None]


def test_a_bend_moves_no_pixel_further_than_it_says_and_some_as_far():
    """Bilinear interpolation of a ramp is exact, so that it shows the field: Dx(u) − x(u) = −τ(u)."""
    columns, rows = ramp()
    for pixels in (0.5, 2):
        moved = []
        for batch in (columns.repeat(4, 1, 1, 1), rows.repeat(4, 1, 1, 1)):  # the same four fields
            moved.append((stability.bent(pixels, 3, batch) - batch)[:, 0, 4:-4, 4:-4])
        lengths = (moved[0] ** 2 + moved[1] ** 2).sqrt().flatten(1)
        assert (lengths <= pixels * (1 + 1e-3)).all() and (lengths.amax(1) > pixels / 3).all()
        step = torch.stack([d.diff(dim=2).abs().amax() for d in moved])
        assert (step < 0.5 * pixels).all(), "it is smooth"
        assert not torch.allclose(lengths[0], lengths[1]), "each image has a field of its own"
    torch.testing.assert_close(stability.bent(0, 3, batch), batch, rtol=0, atol=1e-4)


def test_the_expansion_of_a_linear_map_is_its_largest_singular_value():
    torch.manual_seed(0)
    f = nn.Sequential(nn.Flatten(), nn.Linear(9, 5, bias=False))
    x = torch.rand(4, 1, 3, 3)
    largest = torch.linalg.matrix_norm(f[1].weight, 2).item()
    for radius in (0.01, 2.0):
        found, relative = stability.expansion(f, x, radius, seed=1, steps=300)
        assert found == pytest.approx(largest, rel=1e-3)
        scale = (x.flatten(1).norm(dim=1) / f(x).norm(dim=1)).max().item()
        assert relative == pytest.approx(largest * scale, rel=1e-3)


def test_pixels_expand_nothing(mnist_test):
    found = stability.expansion(stability.maps()["pixels"], mnist_test.images[:3], 0.5, seed=0)
    assert found == pytest.approx((1, 1), rel=1e-4)


def test_the_map_of_the_convnet_is_what_its_last_layer_reads(mnist_test):
    x = mnist_test.images[:5]
    found, net = stability.features(stability.maps()["convnet"], x), zoo.load("mnist/baseline")
    assert found.shape == (5, 200)
    torch.testing.assert_close(net.linear2(found), net(x))


def test_it_measures_and_writes(tmp_path, mnist_test, monkeypatch):
    monkeypatch.setattr(stability, "RADII", (0.5,))
    threads = torch.get_num_threads()
    stability.main(tmp_path / "record.json", digits=6, seed=2)
    torch.set_num_threads(threads)
    record = storage.read_json(tmp_path / "record.json")
    assert (record["digits"], record["seed"], record["ascended_digits"]) == (6, 2, 6)
    amounts = [("shift", stability.SHIFTS), ("turn", stability.TURNS), ("bend", stability.BENDS)]
    assert [(row["change"], row["amount"]) for row in record["rows"]] == [
        (change, amount) for change, each in amounts for amount in each
    ]
    assert all(list(row)[2:] == MAPS for row in record["rows"])
    x = mnist_test.images[:6]
    bend = next(row for row in record["rows"] if (row["change"], row["amount"]) == ("bend", 2))
    S = Scattering()
    with torch.no_grad():
        apart = (S(x) - S(stability.bent(2, 2, x))).flatten(1).norm(dim=1) / S(x).flatten(1).norm(dim=1)
    assert bend["scattering"] == pytest.approx(apart.mean().item(), rel=1e-5)
    shift = record["rows"][0]
    ways = [x.roll(way, axis) for axis in (2, 3) for way in (1, -1)]  # the edge of a digit is black
    each = [(x - y).flatten(1).norm(dim=1) / x.flatten(1).norm(dim=1) for y in ways]
    assert shift["pixels"] == pytest.approx(torch.stack(each).mean().item(), rel=1e-5)


@pytest.mark.parametrize("digits", [1, 10_001])
def test_a_wrong_option_costs_one_sentence(tmp_path, capsys, digits):
    with pytest.raises(typer.Exit) as ended:
        stability.main(tmp_path / "record.json", digits=digits)
    said = capsys.readouterr().err
    assert ended.value.exit_code == 2 and said.startswith("scattering_stability: digits: expected ")
    assert said.count("\n") == 1


def test_in_the_record_scattering_expands_nothing_and_the_convnet_does():
    record = storage.load_result("scattering")
    for row in record["expansion"]:
        assert row["scattering"] <= 1 < row["convnet"] and row["pixels"] == pytest.approx(1, rel=1e-4)
    for row in record["rows"]:  # both are steadier than pixels, and go further the more is changed
        assert max(row["convnet"], row["scattering"]) < row["pixels"]
        assert all(row[name] < 1.1 * record["another_digit"][name] for name in MAPS)
    for one, more in itertools.pairwise(record["rows"]):
        if one["change"] == more["change"]:
            assert all(one[name] < more[name] for name in MAPS)


def test_a_change_of_the_record_is_measured_again(mnist_test):
    record = storage.load_result("scattering")
    x, f = mnist_test.images[: record["digits"]], stability.maps()["convnet"]
    (row,) = [row for row in record["rows"] if (row["change"], row["amount"]) == ("turn", 10)]
    before = stability.features(f, x)
    each = [stability.share(before, stability.features(f, stability.turned(a, x))) for a in (10.0, -10.0)]
    assert row["convnet"] == pytest.approx(sum(each) / 2, rel=1e-4)
