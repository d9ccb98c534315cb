"""The x2 super-resolution network: the form that is trained, and the plain form that is exported."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

FEATURES, BODY = 32, 5
RADIUS = BODY + 2  # of the receptive field, in pixels of the input


class WideConv(nn.Module):
    """A 3x3 convolution trained as 3x3 to many channels, then 1x1, plus identity where shapes allow. All of it is
    linear, so it collapses into one plain 3x3 (Bhardwaj et al., SESR, 2022): trains better, runs the same."""

    def __init__(self, cin: int, cout: int, hidden: int = 128):
        super().__init__()
        self.wide = nn.Parameter(torch.empty(hidden, cin, 3, 3))
        self.narrow = nn.Parameter(torch.empty(cout, hidden))
        self.bias = nn.Parameter(torch.zeros(cout))
        nn.init.kaiming_normal_(self.wide, nonlinearity="linear")
        nn.init.kaiming_normal_(self.narrow, nonlinearity="linear")
        centre = torch.zeros(cout, cin, 3, 3)
        if cin == cout:
            centre[range(cout), range(cin), 1, 1] = 1
            with torch.no_grad():
                self.narrow.mul_(0.5)
        self.register_buffer("identity", centre)

    def weight(self) -> torch.Tensor:
        return torch.einsum("oh,hiyx->oiyx", self.narrow, self.wide) + self.identity

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, self.weight(), self.bias)


def bicubic_phases() -> torch.Tensor:
    """Bicubic x2 (a = -0.5) as a 5x5 convolution from RGB to the 12 channels that a pixel shuffle spreads out."""

    def cubic(x: float) -> float:
        x = abs(x)
        return 1.5 * x**3 - 2.5 * x**2 + 1 if x < 1 else (-0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0)

    # Output pixel 2i sits at input position i - 0.25, output pixel 2i+1 at i + 0.25.
    taps = torch.tensor([[cubic(offset - phase) for offset in range(-2, 3)] for phase in (-0.25, 0.25)])
    weight = torch.zeros(12, 3, 5, 5)
    for colour in range(3):
        for py in range(2):
            for px in range(2):
                weight[colour * 4 + py * 2 + px, colour] = torch.outer(taps[py], taps[px])
    return weight


class Upscale(nn.Module):
    """RGB [N,3,H,W] in 0..1 to [N,3,2H,2W]. Convolutions have no padding: the picture's edge is repeated once, at the
    start, so a pixel's result depends only on the (2 RADIUS + 1) square around it. Starts out as bicubic."""

    def __init__(self, conv=WideConv):
        super().__init__()
        self.head = conv(3, FEATURES)
        self.body = nn.ModuleList(conv(FEATURES, FEATURES) for _ in range(BODY))
        self.tail = conv(FEATURES, 12)
        self.skip = nn.Conv2d(3, 12, 5, bias=False)
        with torch.no_grad():
            self.skip.weight.copy_(bicubic_phases())
            if isinstance(self.tail, WideConv):
                self.tail.narrow.mul_(0.01)

    def core(self, x: torch.Tensor) -> torch.Tensor:
        """`x` already carries RADIUS pixels of surroundings on each side."""
        # Leaky, because with plain ReLU a long training once ended with every unit off and only `skip` alive.
        y = functional.leaky_relu(self.head(x), 0.1)
        for layer in self.body:
            y = functional.leaky_relu(layer(y), 0.1)
        keep = RADIUS - 2
        return functional.pixel_shuffle(self.tail(y) + self.skip(x[..., keep:-keep, keep:-keep]), 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.core(functional.pad(x, [RADIUS] * 4, mode="replicate"))


def collapsed(net: Upscale) -> Upscale:
    """The same function in plain convolutions, for export; sums are made in float64."""
    plain = Upscale(conv=lambda cin, cout: nn.Conv2d(cin, cout, 3))
    wide, thin = net.cpu().double(), plain.double()
    with torch.no_grad():
        pairs = zip([wide.head, *wide.body, wide.tail], [thin.head, *thin.body, thin.tail], strict=True)
        for source, target in pairs:
            target.weight.copy_(source.weight())
            target.bias.copy_(source.bias)
        thin.skip.load_state_dict(wide.skip.state_dict())
    return thin.float().eval()
