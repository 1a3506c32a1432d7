"""Images as bytes: the grey ramp, what lies beyond it, and the ramp of perturbations."""

import torch

from rolab.plotting.pixels import pixels


def test_the_grey_ramp_and_what_lies_beyond_it():
    image = torch.tensor([[[0.0, 0.5, 1.0, -1.0, 2.0]]])
    black, grey, white, below, above = pixels(image)[0].tolist()
    assert black == [0, 0, 0] and grey == [128, 128, 128] and white == [255, 255, 255]
    assert below[2] > below[1] and above[0] > above[2], "below 0 purple, above 1 orange"


def test_the_ramp_of_perturbations_is_white_at_zero_and_saturates():
    ramp = pixels(torch.tensor([[[-0.1, -0.05, 0.0, 0.1, 9.0]]]), gain=10)
    purple, light, zero, orange, more = ramp[0].tolist()
    assert zero == [255, 255, 255] and orange == more
    assert purple[2] > purple[0] and orange[0] > orange[2] and sum(purple) < sum(light) < sum(zero)


def test_colour_images_keep_their_colours():
    image = torch.tensor([1.0, 0.0, 0.5]).view(3, 1, 1)
    assert pixels(image)[0, 0].tolist() == [255, 0, 128]
