"""Three answers to the norm of a convolution, against the explicit matrix."""

import pytest
import torch
from standing_figures import stands_without_a_kernel
from torch.nn import functional as F

from rolab.course.nb06_relatives.convolution_norm import (
    SIZES,
    ConvolutionNormExplorer,
    exact_norm,
    fft_norm,
    kernels,
    operator_norm,
    reshaped_norm,
)


def explicit(weight, size, stride=1, padding=0, circular=False):
    eye = torch.eye(weight.shape[1] * size**2, dtype=torch.float64).view(-1, weight.shape[1], size, size)
    if circular:
        k = weight.shape[-1]
        eye = F.pad(eye, (0, k - 1, 0, k - 1), mode="circular")
    return float(
        torch.linalg.matrix_norm(F.conv2d(eye, weight.double(), None, stride, padding).flatten(1), 2)
    )


WEIGHT = torch.randn(3, 2, 3, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size, stride, padding", [(5, 1, 0), (7, 2, 0), (6, 1, 1), (6, 3, 1)])
def test_the_operator(size, stride, padding):
    found = operator_norm(WEIGHT, size, stride, padding)
    assert found == pytest.approx(explicit(WEIGHT, size, stride, padding), rel=1e-4)


@pytest.mark.parametrize("weight", [WEIGHT, WEIGHT.transpose(0, 1)])
def test_the_fft_is_the_norm_of_the_circular_convolution_and_a_bound(weight):
    found = fft_norm(weight, 6)
    assert found == pytest.approx(explicit(weight, 6, circular=True), rel=1e-5)
    assert all(found >= explicit(weight, 6, stride) - 1e-6 for stride in (1, 2, 3))


def test_the_reshaped_kernel_is_right_for_a_single_patch_or_where_patches_do_not_overlap():
    reshaped = reshaped_norm(WEIGHT)
    assert reshaped == pytest.approx(explicit(WEIGHT, 3), rel=1e-5)
    assert reshaped == pytest.approx(explicit(WEIGHT, 9, stride=3), rel=1e-5)
    assert reshaped < 0.9 * explicit(WEIGHT, 6)


def test_the_explorer(baseline):
    explorer = ConvolutionNormExplorer(kernels(baseline))
    figure = explorer.figure(kernel="edges")
    stands_without_a_kernel(figure)
    assert [row["n"] for row in figure.table()] == list(SIZES)
    live = explorer.live(plain=False, kernel="edges")
    live.controls["stride"].value = 2
    live.controls["padded"].value = True
    live.controls["size"].value = 12
    assert live.error.value == "" and live.shown.title.startswith("12 × 12, stride 2: reshaped 3.46")
    found = float(live.shown.title.split()[-1])
    assert found == pytest.approx(explicit(explorer.kernels["edges"], 12, 2, 1), rel=5e-3)
    state = torch.get_rng_state()
    operator_norm(WEIGHT, 5)
    assert torch.equal(state, torch.get_rng_state()), "the reader's random numbers are left alone"


def test_the_right_answer_is_the_nearest_to_the_whole_matrix(baseline):
    assert exact_norm(WEIGHT, 6, 2, 1) == pytest.approx(explicit(WEIGHT, 6, 2, 1))
    explorer = ConvolutionNormExplorer(kernels(baseline))
    assert [explorer.right(name) for name in ("blur", "conv1")] == ["operator"] * 2
