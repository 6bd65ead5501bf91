"""Transformer blocks over tokens `(n, tokens, dim)`: as in ViTGAN.

Attention of h heads over queries, keys and values Q, K, V of dim / h dimensions each is

    softmax(Q Kᵀ / √(dim / h)) V   (Vaswani 2017, equation 1).
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

TIMES = 4
"""Units of a block's multilayer perceptron over its dimensions."""
DEVIATION = 0.02
"""Of embeddings of positions when they start, as usual since BERT."""

Linear = Callable[[int, int], nn.Module]


def attend(q: Tensor, k: Tensor, v: Tensor, *, bias: Tensor | None = None, scale: float | None = None) -> Tensor:
    """softmax(scale · q kᵀ + bias) v over the last two dimensions, `(…, tokens, dim)`; scale is 1 / √dim by default.

    Written out, for penalties on a critic's slope differentiate twice: torch's fused kernels cannot, and what it has
    for that case (`SDPBackend.MATH`) looks for rows that are masked, which takes a tenth of a round on the CPU.
    """
    scores = (q * (q.shape[-1] ** -0.5 if scale is None else scale)) @ k.transpose(-1, -2)
    return torch.softmax(scores if bias is None else scores + bias, dim=-1).to(v.dtype) @ v


def split(x: Tensor, heads: int) -> Tensor:
    """`(n, tokens, dim) -> (n, heads, tokens, dim / heads)`."""
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)


def join(x: Tensor) -> Tensor:
    """`(n, heads, tokens, dim / heads) -> (n, tokens, dim)`."""
    return x.transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Self-attention with some heads, `(n, tokens, dim)` to the same shape.

    Args:
        dim: of a token.
        heads: as many of them as divide `dim`.
        linear: from two numbers of features to a layer.
    """

    def __init__(self, dim: int, heads: int, linear: Linear = nn.Linear) -> None:
        super().__init__()
        self.heads = math.gcd(dim, heads)
        self.qkv, self.out = linear(dim, 3 * dim), linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """What each token makes of all."""
        q, k, v = (split(part, self.heads) for part in self.qkv(x).chunk(3, dim=2))
        seen: Tensor = self.out(join(attend(q, k, v)))
        return seen


class Block(nn.Module):
    """x' = x + attention(norm(x)), then x' + mlp(norm(x')), `(n, tokens, dim)` to the same shape.

    Args:
        dim: of a token.
        attention: tokens to tokens.
        norm: from dimensions to a normalisation of tokens.
        linear: from two numbers of features to a layer of the perceptron.
    """

    def __init__(
        self, dim: int, attention: nn.Module, *, norm: Callable[[int], nn.Module], linear: Linear = nn.Linear
    ) -> None:
        super().__init__()
        self.first, self.attention = norm(dim), attention
        self.second, self.mlp = norm(dim), perceptron(dim, linear)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens that have seen each other."""
        x = x + self.attention(self.first(x))
        told: Tensor = x + self.mlp(self.second(x))
        return told


def perceptron(dim: int, linear: Linear = nn.Linear) -> nn.Sequential:
    """One hidden layer of four times as many units, GELU."""
    return nn.Sequential(linear(dim, TIMES * dim), nn.GELU(), linear(TIMES * dim, dim))


class Positions(nn.Module):
    """x + E, a learned embedding of each position, `(n, tokens, dim)` to the same shape."""

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(tokens, dim))
        nn.init.trunc_normal_(self.embedding, std=DEVIATION)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens that know where they are."""
        return x + self.embedding.to(x.dtype)


class WithClass(nn.Module):
    """A learned token, before all others, that is to gather what the picture is: `(n, tokens + 1, dim)`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.empty(1, 1, dim))
        nn.init.trunc_normal_(self.token, std=DEVIATION)

    def forward(self, x: Tensor) -> Tensor:
        """One token more."""
        return torch.cat([self.token.to(x.dtype).expand(len(x), -1, -1), x], dim=1)


class OfClass(nn.Module):
    """That token alone, `(n, tokens, dim) -> (n, dim)`."""

    def forward(self, x: Tensor) -> Tensor:
        """The first token."""
        return x[:, 0]


class Tokens(nn.Module):
    """Columns `(n, dim, tokens)`, as patches are unfolded, to tokens `(n, tokens, dim)`."""

    def forward(self, x: Tensor) -> Tensor:
        """A token a column."""
        return x.transpose(1, 2)
