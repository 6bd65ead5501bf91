"""Self-attention: every position of a picture looks at all others, however far away (Zhang 2019, section 3)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """y_j = x_j + γ W_o Σ_i β_ji g(x_i) with β_ji = softmax_i ⟨θ(x_j), φ(x_i)⟩ (Zhang 2019, equations 1 to 3).

    θ, φ, g and W_o are convolutions of 1 x 1 without biases. γ starts at 0, so that networks first learn of what
    is near. As in the authors' code, and BigGAN's, the places i that are looked at are pooled by 2 x 2, θ and φ have an
    eighth of the channels and g has half of them; the paper writes of an eighth for all three and pools nothing.

    Args:
        channels: of the pictures.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        few, half = max(1, channels // 8), max(1, channels // 2)
        self.theta = nn.Conv2d(channels, few, 1, bias=False)
        self.phi = nn.Conv2d(channels, few, 1, bias=False)
        self.g = nn.Conv2d(channels, half, 1, bias=False)
        self.o = nn.Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))
        for layer in (self.theta, self.phi, self.g, self.o):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, channels, h, w)` to the same shape and type; h and w from 2 up."""
        asked = self.theta(x).flatten(2).transpose(1, 2)
        keys, values = (F.max_pool2d(layer(x), 2).flatten(2) for layer in (self.phi, self.g))
        attention = torch.softmax(asked @ keys, dim=-1)  # (n, h w, h w / 4)
        seen = values @ attention.transpose(1, 2).to(values.dtype)
        attended: Tensor = x + self.gamma * self.o(seen.reshape(*seen.shape[:2], *x.shape[2:]))
        return attended
