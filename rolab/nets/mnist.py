"""The MNIST network of §5.1. Pixels come in as [0, 1]; the network standardises them itself."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rolab.arguments import check_images

MNIST_MEAN = 0.1307
MNIST_STD = 0.3081


class Patches(torch.autograd.Function):
    """All k×k patches of a batch of images, as columns: (N, C, H, W) → (C·k·k, N·H'·W').

    The transpose of this linear map, which is what `backward` needs, puts every patch back where it was cut
    out and adds up what overlaps.
    """

    @staticmethod
    def forward(ctx, x: Tensor, k: int) -> Tensor:
        ctx.shape, ctx.k = x.shape, k
        windows = x.unfold(2, k, 1).unfold(3, k, 1)  # (N, C, H', W', k, k), a view
        return windows.permute(1, 4, 5, 0, 2, 3).flatten(3).flatten(0, 2)

    @staticmethod
    def backward(ctx, columns: Tensor):
        (n, c, height, width), k = ctx.shape, ctx.k
        h, w = height - k + 1, width - k + 1
        columns = columns.view(c, k, k, n, h, w)
        image = columns.new_zeros(c, n, height, width)
        for i in range(k):
            for j in range(k):
                image[:, :, i : i + h, j : j + w] += columns[:, i, j]
        return image.transpose(0, 1), None

    @staticmethod
    def jvp(ctx, direction: Tensor, k: None) -> Tensor:
        """The map is linear: of a direction it cuts the patches, too."""
        return Patches.apply(direction, ctx.k)


class PatchConv2d(nn.Conv2d):
    """A convolution written as what it is, one product of the filters with all patches of the images.

    The same numbers as `Conv2d` (stride 1, no padding). The general kernels are slow when the images have a
    single channel, most of all for the gradient with respect to the image, which is the attack: on a CPU this
    form is several times faster. The result is laid out channels last, which the pooling behind it likes.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size)

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """What `forward` does with the layer's own weights, and interval arithmetic with others."""
        k = self.kernel_size[0]
        filters = weight.flatten(1)  # (out, C·k·k)
        constant = weight.new_zeros(self.out_channels) if bias is None else bias
        out = torch.addmm(constant, Patches.apply(x, k).t(), filters.t())  # (N·H'·W', out)
        height, width = x.shape[2] - k + 1, x.shape[3] - k + 1
        return out.view(len(x), height, width, self.out_channels).permute(0, 3, 1, 2)


class ConvNet(nn.Module):
    """The MNIST network of §5.1: two convolutions, two linear layers, 105,506 parameters.

        32 5×5 filters → max pool 3 → ReLU → 64 5×5 filters → max pool 2 → ReLU → 256 → 200 → ReLU → 10

    Takes pixels in [0, 1] of shape (N, 1, 28, 28), returns logits of shape (N, 10).

    The authors' inputs are 32×32, the digit framed by two black pixels. Both poolings drop the rows and
    columns that do not fill a window, so nothing of the last four ever reaches the output: neither the frame
    on that side nor the last two rows and columns of the digit. Here they are not computed, which changes no
    output and no gradient. ReLU is monotone, so it commutes with max pooling; behind it, it has less to do.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = PatchConv2d(1, 32, 5)
        self.conv2 = nn.Conv2d(32, 64, 5)
        self.linear1 = nn.Linear(256, 200)
        self.linear2 = nn.Linear(200, 10)

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, 1, 28, 28)
        x = F.pad(x, (2, -2, 2, -2))  # a frame of two on the left and top, two off on the right and bottom
        x = (x - MNIST_MEAN) / MNIST_STD
        x = F.relu(F.max_pool2d(self.conv1(x), 3))
        x = F.relu(F.max_pool2d(self.conv2(x), 2))
        x = F.relu(self.linear1(x.flatten(1)))
        return self.linear2(x)
