"""The super-resolution net of the GPU benchmarks (bench/gpu/make_models.py, "sr"), in torch."""

import torch
from torch import nn

FEATURES, DEPTH, SCALE = 64, 16, 2


class SuperResolution(nn.Module):
    """64 features, 16 3x3 convolutions with PReLU between them, pixel shuffle x2. [N, 3, H, W] -> [N, 3, 2H, 2W]."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, FEATURES, 3, padding=1), nn.PReLU(FEATURES)]
        for _ in range(DEPTH - 2):
            layers += [nn.Conv2d(FEATURES, FEATURES, 3, padding=1), nn.PReLU(FEATURES)]
        self.body = nn.Sequential(*layers, nn.Conv2d(FEATURES, 3 * SCALE * SCALE, 3, padding=1), nn.PixelShuffle(SCALE))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return torch.clamp(self.body(frames), 0, 1)


def make(device: str) -> nn.Module:
    """Seeded weights, float16, channels last, the fastest algorithms of cuDNN."""
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(0)
    return SuperResolution().half().to(device, memory_format=torch.channels_last).eval()
