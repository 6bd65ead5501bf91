"""Transformer blocks over tokens `(n, tokens, dim)`: as in ViTGAN and TransGAN.

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
        asking: to the one of queries, keys and values, where it is another.
    """

    def __init__(self, dim: int, heads: int, linear: Linear = nn.Linear, asking: Linear | None = None) -> None:
        super().__init__()
        self.heads = math.gcd(dim, heads)
        self.qkv, self.out = (asking or linear)(dim, 3 * dim), linear(dim, dim)

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


class RelativePositions(nn.Module):
    """B, what attention adds to its scores for where tokens of a grid are to each other (Shaw 2018; Liu 2021).

    Args:
        size: rows and columns of the grid.
        heads: of the attention.
    """

    index: Tensor

    def __init__(self, size: tuple[int, int], heads: int) -> None:
        super().__init__()
        rows, columns = size
        self.table = nn.Parameter(torch.empty((2 * rows - 1) * (2 * columns - 1), heads))
        nn.init.trunc_normal_(self.table, std=DEVIATION)
        places = torch.cartesian_prod(torch.arange(rows), torch.arange(columns))
        apart = places[:, None] - places[None] + torch.tensor([rows - 1, columns - 1])
        self.register_buffer("index", apart[..., 0] * (2 * columns - 1) + apart[..., 1], persistent=False)

    def forward(self) -> Tensor:
        """`(heads, tokens, tokens)`, a number for each step down and to the right."""
        return self.table[self.index].permute(2, 0, 1)


def unbiased(before: int, after: int) -> nn.Linear:
    """A layer without biases."""
    return nn.Linear(before, after, bias=False)


class GridAttention(Attention):
    """Self-attention among the tokens of a window, softmax(Q Kᵀ / √(dim / heads) + B) V (Jiang 2021, section 3.2).

    Queries, keys and values have no biases.

    Args:
        dim: of a token.
        heads: as many of them as divide `dim`.
        size: rows and columns of tokens.
        window: rows and columns of a window, which divide `size`; equal to it, all tokens see each other.
    """

    def __init__(self, dim: int, heads: int, *, size: tuple[int, int], window: tuple[int, int]) -> None:
        super().__init__(dim, heads, asking=unbiased)
        assert size[0] % window[0] == size[1] % window[1] == 0
        self.size, self.window = size, window
        self.near = RelativePositions(window, self.heads)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens `(n, rows columns, dim)` to the same shape."""
        told = windows(self.qkv(x), self.size, self.window)
        q, k, v = (split(part, self.heads) for part in told.chunk(3, dim=2))
        seen: Tensor = self.out(join(attend(q, k, v, bias=self.near().to(q.dtype))))
        return together(seen, self.size, self.window)


def windows(x: Tensor, size: tuple[int, int], window: tuple[int, int]) -> Tensor:
    """Tokens `(n, rows columns, dim)` to those of each window, `(n windows, tokens, dim)`, window by window."""
    down, across = size[0] // window[0], size[1] // window[1]
    parts = x.reshape(-1, down, window[0], across, window[1], x.shape[-1]).transpose(2, 3)
    return parts.reshape(-1, math.prod(window), x.shape[-1])


def together(x: Tensor, size: tuple[int, int], window: tuple[int, int]) -> Tensor:
    """The other way, `(n windows, tokens, dim) -> (n, rows columns, dim)`."""
    down, across = size[0] // window[0], size[1] // window[1]
    parts = x.reshape(-1, down, across, *window, x.shape[-1]).transpose(2, 3)
    return parts.reshape(-1, math.prod(size), x.shape[-1])


def grid(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Tokens `(n, rows columns, dim)` to a map `(n, dim, rows, columns)`."""
    return x.transpose(1, 2).reshape(len(x), -1, *size)


def tokens(x: Tensor) -> Tensor:
    """The other way, `(n, dim, rows, columns) -> (n, rows columns, dim)`."""
    return x.flatten(2).transpose(1, 2)
