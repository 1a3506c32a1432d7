"""The page of the drawn digit, as Python makes it. What it computes is tested in a browser."""

import base64
import re

import numpy as np
import pytest
import torch

from rolab import nets, zoo
from rolab.course.nb00_start.drawn_digit import LARGEST, drawn_digit, ten_digits, weights


@pytest.fixture(scope="module")
def page():
    return drawn_digit(4, "l2").page()


@pytest.mark.parametrize("name", ["baseline", "masked"])
def test_weights_are_kept_to_half_a_unit_of_24_bits(name):
    net = zoo.load(f"mnist/{name}")
    layers = [net.conv1, net.conv2, net.linear1, net.linear2]
    rows = sum(len(layer.bias) for layer in layers)
    packed = base64.b64decode(weights(net))
    assert len(packed) == 4 * rows + 3 * 105_506
    scales, digits = np.frombuffer(packed[: 4 * rows], "<f4"), np.frombuffer(packed[4 * rows :], np.uint8)
    digits = digits.reshape(-1, 3).astype(np.int64)
    whole = digits[:, 0] + 256 * digits[:, 1] + 65536 * digits[:, 2]
    whole -= 2**24 * (whole >= 2**23)
    row, at = 0, 0
    for layer in layers:
        for filter_, bias in zip(layer.weight.flatten(1).double(), layer.bias.double(), strict=True):
            true = torch.cat([filter_, bias[None]]).detach().numpy()
            read = float(scales[row]) * whole[at : at + len(true)]
            assert np.abs(read - true).max() <= 0.5001 * scales[row] + 1e-15
            assert np.abs(read).max() == pytest.approx(np.abs(true).max(), rel=1e-6)
            row, at = row + 1, at + len(true)
    assert at == len(whole)


def test_a_net_without_weights_and_another_net():
    net = nets.ConvNet()
    torch.nn.init.zeros_(net.linear2.weight)
    torch.nn.init.zeros_(net.linear2.bias)
    packed = base64.b64decode(weights(net))
    assert not any(packed[-3 * 201 * 10 :])
    with pytest.raises(ValueError, match="net: expected a ConvNet, got Linear"):
        weights(torch.nn.Linear(784, 10))


def test_ten_digits_one_of_each_class():
    digits = ten_digits()
    assert digits.labels.tolist() == list(range(10))
    assert digits.images.shape == (10, 1, 28, 28)


def test_the_page_asks_for_no_other(page):
    assert not re.search(r"https?://|\bsrc=|\bimport\b|url\(|<link", page)
    assert not re.search(r"/\*[A-Z]+\*/", page), "a part was not put in"
    assert page.count("<script>") == page.count("</script>") == 1
    assert '"state": "digit=4&norm=l2"' in page


def test_it_is_a_frame_and_a_picture_for_those_who_see_none():
    shown = drawn_digit()
    html = shown._repr_mimebundle_()["text/html"]
    picture, frame = re.fullmatch(r"<div><p>(.*)</p><iframe (.*)></iframe></div>", html, re.DOTALL).groups()
    assert re.search(r'alt="[^"]{60,}"', picture) and "trust this notebook" in picture
    assert re.search(r'title="[^"]+"', frame) and frame.count('"') == 6  # what is in the page is escaped
    assert len(html.encode()) < 950_000, "a notebook has less than a million bytes"


def test_written_it_is_the_same_page(tmp_path):
    shown = drawn_digit()
    shown.write(tmp_path / "drawn_digit.html")
    assert (tmp_path / "drawn_digit.html").read_text(encoding="utf-8") == shown.page()


@pytest.mark.parametrize("digit", [-1, 10, "7", None])
def test_another_digit_is_refused(digit):
    with pytest.raises(ValueError, match="digit: expected 0 to 9"):
        drawn_digit(digit)


def test_another_norm_is_refused():
    assert set(LARGEST) == {"linf", "l2", "l1"}
    with pytest.raises(ValueError, match="norm: expected one of linf, l2, l1, got 'l3'"):
        drawn_digit(norm="l3")
