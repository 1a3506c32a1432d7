"""The drawn digit in headless Chromium: its numbers beside torch's, its controls, its pace."""

import base64
import os

import browser_driver as driver
import pytest
import torch

from rolab import data, zoo
from rolab.attacks import first_order, log_odds, pgd
from rolab.attacks.first_order import input_gradient
from rolab.course.nb00_start.drawn_digit import LARGEST, drawn_digit, weights
from rolab.sets import Ball, pixel_box

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NETS = ("baseline", "robust-l1", "robust-l2", "robust-linf", "masked")
RADII = {"l1": 5.0, "l2": 1.0, "linf": 0.1}
