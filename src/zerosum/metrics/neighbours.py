"""Who is near whom: Euclidean distances between sets of features, in blocks, never all at once.

For x of a set X, `(n, d)`, and y of a set Y, `(m, d)`, the squared distance is |x|² + |y|² − 2 <x, y>: a matrix product
gives a whole block of them, and a block serves its rows and its columns alike. The price is cancellation: with unit
roundoff u the error is about √d u (|x|² + |y|²), however near x and y are. So

- both sets are centred first, which makes |x| and |y| as small as they can be;
- products are in float32 only where that error is far below the squared distances to the neighbours that are looked
  for, and in float64 otherwise (few dimensions, tight clusters, copies);
- a product only proposes. Neighbours are chosen among a few more candidates than are asked for, and whatever lies
  within the error of a threshold is decided anew, by the sum of squared differences in float64. That sum is 0 for
  copies and the same for equal pairs, so that ties are ties.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from zerosum.errors import UserError

BUDGET = 128 * 2**20
"""Bytes for a block of distances and all that is made of it."""
ELEMENT = 64
"""Bytes for a distance if each is one to look at: itself, where it stands, and what is asked of it."""
CACHED = 2**21
"""Bytes of differences at a time: what is made and dropped at once should not leave the processor's cache."""
SPARE = 4
"""Candidates beyond the neighbours that are asked for."""
GROUP = 16
"""Members of a group of which only the smallest is looked at first."""
PROBES = 256
"""Samples that are asked whether float32 can tell their neighbours apart."""
CHEAP = 32
"""Up to so many dimensions products cost less than what follows, and are in float64."""
COARSE, TOLERATED = 1e-3, 0.05
"""float32 will not do where its error is over `COARSE` of the squared distance for more than `TOLERATED` of probes."""


@dataclass(frozen=True)
class Neighbours:
    """The k nearest of each of n samples, nearest first.

    Attributes:
        squares: squared distances `(n, k)`, float64.
        indices: which they are, `(n, k)`, int64.
    """

    squares: Tensor
    indices: Tensor


@dataclass(frozen=True)
class Cloud:
    """Samples `(n, d)` as they are multiplied: around `centre`, `(d,)`, in `dtype`; made anew for each block."""

    samples: Tensor
    centre: Tensor
    dtype: torch.dtype

    def __len__(self) -> int:
        return len(self.samples)

    def rows(self, part: slice) -> Tensor:
        """Some of the samples."""
        return self.samples[part].to(self.dtype) - self.centre.to(self.dtype)

    @property
    def parts(self) -> list[slice]:
        """The samples in pieces, each one side of a block."""
        step = side(self.samples.shape[1], self.dtype)
        return [slice(start, min(start + step, len(self))) for start in range(0, len(self), step)]

    @cached_property
    def norms(self) -> Tensor:
        """Distances from the centre, `(n,)`, float64."""
        return torch.cat([torch.linalg.vector_norm(self.rows(part), dim=1).double() for part in self.parts])

    @property
    def error(self) -> float:
        """Of a squared distance by products, as a share of |x|² + |y|²."""
        return (math.sqrt(self.samples.shape[1]) + 8) * torch.finfo(self.dtype).eps


@dataclass(frozen=True)
class Block:
    """Squared distances by products, `(rows, columns)`, between a part of one cloud and a part of another."""

    rows: slice
    columns: slice
    squares: Tensor


@dataclass(frozen=True)
class Balls:
    """A ball around each sample: its squared radius `(n,)`, float64, and where products cannot tell in from out.

    A y at a distance of about r from x has |y| ≤ |x| + r; so the doubtful zone is known without y.

    Attributes:
        squares: squared radii.
        low, high: below `low` a product means in, from `high` on it means out.
    """

    squares: Tensor
    low: Tensor
    high: Tensor

    @classmethod
    def around(cls, cloud: Cloud, squares: Tensor) -> "Balls":
        """Balls of squared radius `squares`, `(n,)`, around the samples of a cloud; nothing is in one of radius 0."""
        slack = doubt(cloud, squares)
        tiny = torch.finfo(cloud.dtype).tiny  # so that a radius that is next to nothing is not nothing
        high = torch.where(squares > 0, squares + slack + tiny, -1.0)
        return cls(squares, (squares - slack).to(cloud.dtype), high.to(cloud.dtype))


def doubt(cloud: Cloud, squares: Tensor) -> Tensor:
    """Error of products between the samples of a cloud and others at squared distances `squares`, `(n,)`."""
    return cloud.error * (cloud.norms.square() + (cloud.norms + squares.sqrt()).square())


def side(dimensions: int, dtype: torch.dtype) -> int:
    """Rows of a block so that it stays within `BUDGET`: a multiple of `GROUP`."""
    row = 3 * dimensions * dtype.itemsize  # rows, columns, and one of them on its way
    rows = (math.sqrt(row**2 + 4 * ELEMENT * BUDGET) - row) / (2 * ELEMENT)
    return max(GROUP, int(rows) // GROUP * GROUP)


def check(**sets: Tensor) -> None:
    """Refuse sets of features that have no distances.

    Raises:
        UserError: a set is not `(n, d)`, is empty, is not finite, or has another d than the first.
    """
    width = next(iter(sets.values())).shape[-1]
    for name, features in sets.items():
        if features.ndim != 2 or not features.numel():
            raise UserError(
                f"Features of {name} samples have shape {tuple(features.shape)}; they must be (n, d), n and d ≥ 1."
            )
        if features.shape[1] != width:
            raise UserError(
                f"Features of {name} samples have {features.shape[1]} dimensions, not {width} like the others."
            )
        bad = int((~features.isfinite().all(1)).sum())
        if bad:
            raise UserError(f"Features of {bad} of {len(features)} {name} samples are not finite.")


def check_count(k: int, **sets: Tensor) -> None:
    """Refuse a k that leaves too few members.

    Raises:
        UserError: k is below 1, or a set has not more than k members.
    """
    for name, features in sets.items():
        if not 1 <= k < len(features):
            raise UserError(
                f"k = {k} nearest neighbours were asked for, of {len(features)} {name} samples; "
                f"k must be at least 1 and below the number of samples."
            )


def nearest(queries: Tensor, pool: Tensor, k: int = 1) -> Neighbours:
    """The k nearest members of `pool`, `(m, d)`, of each query, `(n, d)`; k ≤ m."""
    dtype = precision(queries, pool, k)
    asked, members = clouds(queries, pool, dtype=dtype)
    return search(asked, members, k)


def radii(samples: Tensor, k: int) -> Tensor:
    """Squared distances from each of a set, `(n, d)`, to its k-th nearest other, `(n,)`, float64; copies are others."""
    (cloud,) = clouds(samples, dtype=precision(samples, samples, k + 1))
    best = Best(cloud, min(k + SPARE, len(cloud) - 1))
    for block in halves(cloud):
        best.offer(block.rows, block.columns.start, block.squares)
        if block.rows != block.columns:
            best.offer(block.columns, block.rows.start, block.squares.T)
    return kth(cloud, best, k)


def kth(cloud: Cloud, best: "Best", k: int) -> Tensor:
    """The k-th smallest exact squared distance, `(n,)`, of those to the `best` others in the same cloud.

    Only the few that are as near as the k-th by products, but for their error, are measured anew.
    """
    about = best.squares.double()
    middle = about.kthvalue(k, dim=1, keepdim=True).values
    off, slack = about - middle, 2 * doubt(cloud, middle[:, 0])[:, None]
    squares = torch.where(off < 0, -math.inf, math.inf).double()
    i, place = (off.abs() <= slack).nonzero(as_tuple=True)
    squares[i, place] = exact(cloud.samples, i, cloud.samples, best.indices[i, place])
    return squares.kthvalue(k, dim=1).values


def clouds(*sets: Tensor, dtype: torch.dtype) -> tuple[Cloud, ...]:
    """Sets around the mean of all."""
    total = sum(len(samples) for samples in sets)
    centre = torch.stack([samples.mean(0, dtype=_summed(samples)) * (len(samples) / total) for samples in sets]).sum(0)
    return tuple(Cloud(samples, centre, dtype) for samples in sets)


def _summed(samples: Tensor) -> torch.dtype:
    """Half precision would overflow; any centre near the mean will do, so float64 need not be."""
    return torch.promote_types(samples.dtype, torch.float32)


def precision(queries: Tensor, pool: Tensor, k: int) -> torch.dtype:
    """What products have to be in so that they can tell the k nearest apart."""
    if queries.shape[1] <= CHEAP:
        return torch.float64
    step = -(-len(queries) // PROBES)
    probes, cloud = clouds(queries[::step], pool, dtype=torch.float32)
    return fine_enough(probes, search(probes, cloud, k).squares[:, -1])


def fine_enough(cloud: Cloud, squares: Tensor) -> torch.dtype:
    """What products have to be in so that they can tell squared distances from the samples, `(n,)`, apart."""
    if cloud.samples.shape[1] <= CHEAP:
        return torch.float64
    coarse = doubt(cloud, squares) > COARSE * squares
    return torch.float64 if coarse.double().mean() > TOLERATED else torch.float32


def search(queries: Cloud, pool: Cloud, k: int) -> Neighbours:
    """The k nearest of `pool` of each query."""
    best = Best(queries, min(k + SPARE, len(pool)))
    for block in blocks(queries, pool):
        best.offer(block.rows, block.columns.start, block.squares)
    return refined(queries, pool, best.indices, k)


class Best:
    """The nearest so far of each sample of a cloud, in no order.

    Args:
        cloud: the samples.
        k: how many are kept of each.
    """

    def __init__(self, cloud: Cloud, k: int) -> None:
        device = cloud.samples.device
        self.squares = torch.full((len(cloud), k), math.inf, dtype=cloud.dtype, device=device)
        self.indices = torch.zeros(len(cloud), k, dtype=torch.int64, device=device)

    def offer(self, rows: slice, first: int, squares: Tensor) -> None:
        """Squared distances `(rows, columns)` to the samples from `first` on."""
        kept = self.squares.shape[1]
        values, indices = smallest(squares, min(kept, squares.shape[1]))
        values = torch.cat([self.squares[rows], values], 1)
        indices = torch.cat([self.indices[rows], indices + first], 1)
        self.squares[rows], places = values.topk(kept, largest=False, sorted=False)
        self.indices[rows] = indices.gather(1, places)


def smallest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k smallest of each row of `(n, m)` and where they stand, in no order.

    They are in the k groups with the smallest minima, so that the whole is read once, for the minima.
    """
    if values.shape[1] % GROUP or values.shape[1] <= k * GROUP:
        plain = values.topk(k, largest=False, sorted=False)
        return plain.values, plain.indices
    groups = values.view(len(values), GROUP, -1)
    chosen = groups.amin(1).topk(k, largest=False, sorted=False).indices
    few = groups.gather(2, chosen[:, None].expand(-1, GROUP, -1))
    best, places = few.flatten(1).topk(k, largest=False, sorted=False)
    return best, places // k * groups.shape[2] + chosen.gather(1, places % k)


def refined(queries: Cloud, pool: Cloud, candidates: Tensor, k: int) -> Neighbours:
    """The k nearest among candidates `(n, c)` by exact distances; of equally near ones, the first of the pool."""
    candidates = candidates.sort(1).values
    each = torch.arange(len(queries), device=candidates.device).repeat_interleave(candidates.shape[1])
    squares = exact(queries.samples, each, pool.samples, candidates.flatten()).view_as(candidates)
    squares, places = squares.sort(dim=1, stable=True)
    return Neighbours(squares[:, :k], candidates.gather(1, places[:, :k]))


def blocks(x: Cloud, y: Cloud) -> Iterator[Block]:
    """All distances between two clouds."""
    for rows in x.parts:
        left = x.rows(rows)
        for columns in y.parts:
            yield Block(rows, columns, products(left, y.rows(columns)))


def halves(x: Cloud) -> Iterator[Block]:
    """All distances within a cloud, nobody's to itself; a block off the diagonal stands for its mirror image too."""
    for place, rows in enumerate(x.parts):
        left = x.rows(rows)
        for columns in x.parts[place:]:
            block = Block(rows, columns, products(left, x.rows(columns)))
            if rows == columns:
                block.squares.fill_diagonal_(math.inf)
            yield block


def products(left: Tensor, right: Tensor) -> Tensor:
    """Squared distances `(n, m)` between `(n, d)` and `(m, d)`."""
    squares = torch.addmm(right.square().sum(1), left, right.T, alpha=-2)
    return squares.add_(left.square().sum(1, keepdim=True)).clamp_(min=0)


def exact(x: Tensor, i: Tensor, y: Tensor, j: Tensor) -> Tensor:
    """Squared distances between x[i] and y[j] for pairs i, j of indices `(p,)`, by differences, float64."""
    size = max(1, CACHED // (8 * x.shape[1]))
    pairs = zip(torch.split(i, size), torch.split(j, size), strict=True)
    return torch.cat([x[a].double().sub_(y[b]).square_().sum(1) for a, b in pairs])


def inside(x: Cloud, y: Cloud, block: Block, balls: Balls, axis: int) -> tuple[Tensor, Tensor]:
    """Pairs of a block, as indices into x and y, that are nearer than the ball around the one reaches.

    Args:
        x, y: between which the distances are.
        block: of them.
        balls: around the samples of x (`axis` 0) or of y (`axis` 1).
        axis: whose the balls are.
    """
    part, shape = ((block.rows, (-1, 1)), (block.columns, (1, -1)))[axis]
    near = (block.squares < balls.high[part].view(shape)).nonzero(as_tuple=True)
    i, j = near[0] + block.rows.start, near[1] + block.columns.start
    centre = (i, j)[axis]
    kept = block.squares[near] < balls.low[centre]
    unsure = ~kept
    kept[unsure] = exact(x.samples, i[unsure], y.samples, j[unsure]) < balls.squares[centre[unsure]]
    return i[kept], j[kept]


def closest_pairs(samples: Tensor, count: int) -> Tensor:
    """Squared distances of the `count` nearest pairs of a set `(n, d)` (or of all), smallest first, float64."""
    (cloud,) = clouds(samples, dtype=precision(samples, samples, 2))
    best = torch.empty(0, dtype=cloud.dtype, device=samples.device)
    i = j = torch.empty(0, dtype=torch.int64, device=samples.device)
    for block in halves(cloud):
        bound = best.max() if len(best) == count + SPARE else math.inf
        near = (block.squares < bound).nonzero(as_tuple=True)
        rows, columns = near[0] + block.rows.start, near[1] + block.columns.start
        once = rows < columns
        values = torch.cat([best, block.squares[near][once]])
        best, kept = values.topk(min(count + SPARE, len(values)), largest=False, sorted=False)
        i, j = torch.cat([i, rows[once]])[kept], torch.cat([j, columns[once]])[kept]
    return exact(samples, i, samples, j).sort().values[:count]


def degrees(samples: Tensor, square: float) -> Tensor:
    """How many others of a set `(n, d)` are nearer than the root of `square` to each, `(n,)`, int64."""
    (cloud,) = clouds(samples, dtype=precision(samples, samples, 2))
    balls = Balls.around(cloud, torch.full((len(cloud),), square, dtype=torch.float64, device=samples.device))
    found = torch.zeros(len(cloud), dtype=torch.int64, device=samples.device)
    for block in halves(cloud):
        i, j = inside(cloud, cloud, block, balls, axis=0)
        once = i < j
        found += torch.cat([i[once], j[once]]).bincount(minlength=len(cloud))
    return found


def copies(samples: Tensor) -> Tensor:
    """How many others of a set `(n, d)` are the same as each, `(n,)`, int64."""
    _, which, counts = torch.unique(samples, dim=0, return_inverse=True, return_counts=True)
    others: Tensor = counts[which] - 1
    return others
