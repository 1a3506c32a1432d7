"""The CIFAR-10 network of §5.2: VGG with batch normalisation and dropout."""

from torch import Tensor, nn

from rolab.arguments import check_images
from rolab.nets.layers import Standardize

# The width of each block, and the dropout behind each of its convolutions; the last is pooled instead.
BLOCKS = ((64, (0.3, 0)), (128, (0.4, 0)), (256, (0.4, 0.4, 0)), (512, (0.4, 0.4, 0)), (512, (0.4, 0.4, 0)))


class VGG(nn.Module):
    """The paper's CIFAR-10 network: 13 convolutions, two linear layers, 14,991,946 parameters.

        [3×3 conv → batch norm → ReLU → dropout] × 2, 2, 3, 3, 3 with 64, 128, 256, 512, 512 filters,
        max pool 2 after each block → dropout → 512 → 512 → batch norm → ReLU → dropout → 10

    Takes pixels in [0, 1] of shape (N, 3, 32, 32), returns logits of shape (N, 10).

    Architecture and initialisation (He et al. 2015: normal, variance 2 / (9 · filters)) are those of
    Zagoruyko's "92.45% on CIFAR-10 in Torch" (2015), which the paper takes. There images are flipped at
    random inside the network, and come normalised locally in YUV; here, as in the paper, nothing is flipped,
    and the three colours are standardised, so that a radius has a meaning in pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [Standardize()]
        channels = 3
        for width, dropouts in BLOCKS:
            for dropout in dropouts:
                layers += nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width, eps=1e-3), nn.ReLU()
                layers += [nn.Dropout(dropout)] if dropout else []
                channels = width
            layers += [nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(),
            nn.Dropout(0.5), nn.Linear(512, 10),
        )  # fmt: skip
        for layer in self.features:
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, 3, 32, 32)
        return self.classifier(self.features(x).flatten(1))
