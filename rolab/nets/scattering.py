"""The scattering transform: a network of fixed wavelets, Bruna and Mallat (2013), with a linear layer."""

import math

import torch
from torch import Tensor, nn

from rolab.arguments import check_images, check_pixels, one_if_zero, whole_number


class Scattering(nn.Module):
    """Wavelets, modulus, average, in two orders: (N, 1, n, n) → (N, 1 + JL + ½J(J − 1)L², n/2ᴶ, n/2ᴶ).

        S x = { x ⋆ φ,  |x ⋆ ψ_jθ| ⋆ φ,  ||x ⋆ ψ_jθ| ⋆ ψ_kη| ⋆ φ },   0 ≤ j < k < J, L angles θ, η in [0, π)

    with ⋆ the circular convolution. φ is a Gaussian of deviation 0.4 · 2ᴶ pixels and sum 1. The Morlet
    wavelet ψ_jθ is a wave in the direction θ under a Gaussian, less so much of this that its sum is 0:

        ψ_jθ(u) = 2/(πLσ²) (exp(iξu₁) − κ) exp(−(u₁² + (4u₂/L)²) / 2σ²),   σ = 0.8 · 2ʲ,   ξ = 3π/4 · 2⁻ʲ

    at u₁ pixels along θ and u₂ across. What has passed ψ_jθ is kept at every 2ʲ-th pixel and multiplied by
    2ʲ, so that its norm stays much as it was; likewise for φ at every 2ᴶ-th.

    All that is applied to one signal is a linear map, W: x ↦ (x ⋆ φ, x ⋆ ψ_jθ, …), sampled. It is divided by
    its operator norm, 1 but for 3 %: ‖Wx‖ ≤ ‖x‖. The modulus takes nothing further apart, so S is
    non-expansive: ‖Sx − Sy‖ ≤ ‖x − y‖. Nothing in it is learnt, or saved with the weights.

    Args:
        size: n, a multiple of 2ᴶ
        J: scales
        L: angles, at least 2

    Raises:
        ValueError: size, J or L is no whole number, or too small, or size no multiple of 2ᴶ.
    """

    def __init__(self, size: int = 28, J: int = 2, L: int = 8) -> None:
        super().__init__()
        for value, name, least in ((J, "J", 1), (L, "L", 2), (size, "size", 1)):
            whole_number(value, name, least)
        if size % 2**J:
            raise ValueError(f"size: expected a multiple of 2ᴶ = {2**J}, got {size}")
        self.size, self.J = size, J
        for i in range(J):  # the scale of a signal that comes in: it has n × n pixels
            n, s = size >> i, 2 ** (J - i)
            phi = torch.exp(-((0.4 * s * _frequencies(n)) ** 2) / 2).sum(1)
            phi = phi / phi[0]
            wavelets = {
                j: torch.stack([_morlet(n, j - i, math.pi * k / L, 4 / L) for k in range(L)])
                for j in range(i + 1 if i else 0, J)
            }
            bank = {s: torch.outer(phi, phi)[None]} | {2 ** (j - i): psi for j, psi in wavelets.items()}
            norm = _operator_norm(bank)
            kernel = torch.fft.ifft(phi).real[(s * torch.arange(n // s)[:, None] - torch.arange(n)) % n]
            self._keep(f"average_{i}", (s / norm) ** 0.5 * kernel)  # applied once along each axis
            for j, psi in wavelets.items():
                self._keep(f"wavelets_{i}_{j}", psi / norm)

    def _keep(self, name: str, filters: Tensor) -> None:
        self.register_buffer(name, filters.to(torch.get_default_dtype()), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, 1, self.size, self.size)
        found = [self._averages(x, 0)]
        for j in range(self.J):
            first = self._moduli(x, 0, j)
            found.append(self._averages(first, j))
            for k in range(j + 1, self.J):
                found.append(self._averages(self._moduli(first, j, k), k))
        return torch.cat(found, 1)

    def _averages(self, u: Tensor, i: int) -> Tensor:
        """u ⋆ φ for signals of scale i: (N, C, n, n) → (N, C, n/s, n/s)."""
        average = self.get_buffer(f"average_{i}")
        return average @ u @ average.T

    def _moduli(self, u: Tensor, i: int, j: int) -> Tensor:
        """|u ⋆ ψ_jθ| for signals of scale i and all θ: (N, C, n, n) → (N, C·L, n/s, n/s).

        To sample at every s-th pixel is to add up the spectrum at the s² frequencies that look alike there.
        """
        n, s = u.shape[-1], 2 ** (j - i)
        spectrum = torch.fft.fft2(u).reshape(*u.shape[:2], s, n // s, s, n // s)
        psi = self.get_buffer(f"wavelets_{i}_{j}").to(spectrum).view(-1, s, n // s, s, n // s)
        sampled = torch.einsum("ncaxby,laxby->nclxy", spectrum, psi).flatten(1, 2)
        return torch.fft.ifft2(sampled).abs() / s  # 1/s² of the sampling, times s


class ScatteringNet(nn.Module):
    """Scattering, two orders with J = 2 and L = 8, and a linear layer, which alone learns: 39,700 parameters.

        net = ScatteringNet()
        net.standardize(images)  # once, before training; mean and deviation are saved with the weights

    Each of the 81 channels is standardised by its mean and deviation over images and places. Takes pixels in
    [0, 1] of shape (N, 1, 28, 28), returns logits of shape (N, 10).
    """

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.scattering = Scattering()
        self.register_buffer("mean", torch.zeros(81, 1, 1))
        self.register_buffer("std", torch.ones(81, 1, 1))
        self.linear = nn.Linear(81 * 7 * 7, 10)

    @torch.no_grad()
    def standardize(self, images: Tensor) -> None:
        """Takes the channels' means and deviations from images (N, 1, 28, 28), pixels in [0, 1], in place.

        A few thousand images are enough: a channel has 49 numbers in each.

        Raises:
            ValueError: the images are of another shape, or a pixel is NaN or outside [0, 1].
        """
        check_images(images, 1, 28, 28)
        check_pixels(images)
        features = torch.cat([self.scattering(some.to(self.mean)) for some in images.split(200)])
        std, mean = torch.std_mean(features, (0, 2, 3), keepdim=True, correction=0)
        self.mean.copy_(mean[0])
        self.std.copy_(one_if_zero(std[0]))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(((self.scattering(x) - self.mean) / self.std).flatten(1))


# Filters by their spectra, at the frequencies 2πk/n, k = 0 … n − 1, along each axis


def _frequencies(n: int) -> Tensor:
    """The frequencies (n,), and beside each the next eight that n pixels cannot tell from it: (n, 9).

    The spectrum of sampled values of a function is the sum of the function's own over all of these.
    """
    return 2 * math.pi * (torch.fft.fftfreq(n, dtype=torch.float64)[:, None] + torch.arange(-4, 5))


def _morlet(n: int, j: int, theta: float, slant: float) -> Tensor:
    """The spectrum (n, n) of a Morlet wavelet; `slant`: how wide it is along θ for one pixel across."""
    w, sigma, xi = _frequencies(n), 0.8 * 2**j, 0.75 * math.pi / 2**j
    rows, columns = w[:, :, None, None], w[None, None]
    along = math.cos(theta) * rows + math.sin(theta) * columns
    across = (math.cos(theta) * columns - math.sin(theta) * rows) / slant

    def gaussian(center: float) -> Tensor:
        return torch.exp(-(sigma**2) / 2 * ((along - center) ** 2 + across**2)).sum((1, 3))

    wave, envelope = gaussian(xi), gaussian(0)
    return wave - wave[0, 0] / envelope[0, 0] * envelope


def _operator_norm(bank: dict[int, Tensor]) -> float:
    """The largest ‖Wx‖ / ‖x‖ of real images x, where W filters, keeps every s-th pixel and multiplies by s.

    WᵀW brings together only frequencies that look alike at the largest s: it has blocks of s² × s².

    Args:
        bank: s → spectra (F, n, n), real
    """
    largest = max(bank)
    place = torch.arange(largest)
    gram, n = torch.zeros(()), bank[largest].shape[-1]
    for s, filters in bank.items():
        both = torch.cat([filters, filters.roll((-1, -1), (1, 2)).flip(1, 2)])  # f(ω) and f(−ω)
        blocks = both.view(len(both), largest, n // largest, largest, n // largest)
        blocks = blocks.permute(0, 2, 4, 1, 3).flatten(3)
        alike = ((place[:, None] - place) % (largest // s) == 0).double()
        gram = gram + torch.einsum("fxya,fxyb->xyab", blocks, blocks) / 2 * torch.kron(alike, alike)
    return torch.linalg.eigvalsh(gram).amax().sqrt().item()
