"""The input of StyleGAN3's synthesis: Fourier features, an infinite picture that can be moved and turned exactly.

    z_c(x) = a(f'_c) sin 2π(⟨f'_c, x⟩ + φ'_c),  f' = f A,  φ' = φ + f b                  (Karras 2021, section 3.1)

with frequencies f from a disc that the bandwidth f_c of the first layer bounds, phases φ, and (A | b) the transform of
coordinates. a lets frequencies fade that a transform brings beyond the bandwidth.
"""

import math

import torch
from torch import Tensor, nn

from zerosum.networks.equalised import EqualisedLinear


class FourierFeatures(nn.Module):
    """Styles w `(n, size_w)` to features `(n, channels, *size)`, mixed by learned weights of equalised learning rate.

    w says, by a learned affine function (r_c, r_s, t_x, t_y), how the picture is turned and moved (appendix F); before
    anything was learned it is not.

    Args:
        channels: of the features.
        size: height and width of the canvas, whose middle is x = 0.
        rate: samples a unit.
        bandwidth: f_c, the largest frequency, in cycles a unit.
        size_w: dimensions of w.
    """

    frequencies: Tensor
    phases: Tensor
    transform: Tensor

    def __init__(self, channels: int, *, size: tuple[int, int], rate: float, bandwidth: float, size_w: int) -> None:
        super().__init__()
        self.size, self.rate, self.bandwidth = size, rate, bandwidth
        self.affine = EqualisedLinear(size_w, 4)
        self.weight = nn.Parameter(torch.randn(channels, channels))
        self.register_buffer("frequencies", in_disc(channels) * bandwidth)
        self.register_buffer("phases", torch.rand(channels) - 0.5)
        self.register_buffer("transform", torch.eye(3))
        with torch.no_grad():
            self.affine.weight.zero_()
            self.affine.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))

    def forward(self, w: Tensor, transform: Tensor | None = None) -> Tensor:
        """Features, in the weights' own precision.

        Args:
            w: styles.
            transform: from coordinates of the picture to those of the one that w says, `(3, 3)` or `(n, 3, 3)`; by
                default the buffer `transform`.
        """
        with torch.autocast(w.device.type, enabled=False):
            placed = self.placement(w.to(self.weight.dtype)) @ (self.transform if transform is None else transform)
            f = self.frequencies @ placed[:, :, :2]
            phi = self.phases + (self.frequencies @ placed[:, :, 2:]).squeeze(2)
            x, y = (self.coordinates(side)[:, None] for side in self.size[::-1])
            turns = (y * f[:, None, :, 1])[:, :, None] + (x * f[:, None, :, 0] + phi[:, None])[:, None]
            waves = torch.sin(2 * math.pi * turns) * self.amplitudes(f)[:, None, None]
            mixed: Tensor = waves @ (self.weight / math.sqrt(len(self.weight))).T
        return mixed.permute(0, 3, 1, 2)

    def placement(self, w: Tensor) -> Tensor:
        """(A | b) that styles say, `(n, 2, 3)`: the picture turned, then moved, by the inverses in coordinates."""
        t = self.affine(w)
        t = t / t[:, :2].norm(dim=1, keepdim=True)
        cos, sin = t[:, 0], t[:, 1]
        turn = torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)
        return torch.cat([turn, -turn @ t[:, 2:, None]], dim=2)

    def amplitudes(self, f: Tensor) -> Tensor:
        """a, of frequencies `(n, channels, 2)`: 1 within the bandwidth, 0 from half the rate on."""
        length: Tensor = f.norm(dim=2)
        return (1 - (length - self.bandwidth) / (self.rate / 2 - self.bandwidth)).clamp(0, 1)

    def coordinates(self, samples: int) -> Tensor:
        """Where samples of a side lie, in units, `(samples,)`."""
        places = torch.arange(samples, dtype=self.weight.dtype, device=self.weight.device)
        return (places - (samples - 1) / 2) / self.rate


def in_disc(n: int) -> Tensor:
    """Points that lie evenly in the unit disc, `(n, 2)`: of normal ones of length r, exp(-r² / 2) is uniform."""
    points = torch.randn(n, 2)
    r: Tensor = points.norm(dim=1, keepdim=True)
    return points / r * torch.exp(-r.square() / 4)
