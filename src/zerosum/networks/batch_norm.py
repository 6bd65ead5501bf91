"""Batch normalisation that means the same on one process and on many."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zerosum.collectives import sum_over_processes, world_size


class BatchNorm(_BatchNorm):
    """Batch normalisation (Ioffe & Szegedy 2015) of `(n, channels, …)`, in any dimensions, over the global batch.

    In training mode and with several processes (`torch.distributed` is initialised), mean and variance are those of the
    batches of all processes together, so N processes compute what one would with the whole batch: outputs, gradients
    of any order (the collective is differentiable as often as needed) and running statistics, which are equal on all
    ranks. All processes must then run the layer the same number of times. In evaluation mode, or alone, it is
    PyTorch's own batch normalisation, whose arguments and buffers it shares.

    With `track_running_stats` switched off in training mode, batch statistics are used and the buffers stay; with
    `momentum=None` the buffers become the plain average over the batches since `reset_running_stats`.
    """

    def forward(self, input: Tensor) -> Tensor:
        """`(n, channels, …)` to the same shape and type."""
        if not self.training or world_size() == 1:
            return super().forward(input)
        x = input.to(torch.promote_types(input.dtype, torch.float32))
        mean, variance, count = self._global_statistics(x)
        if self.track_running_stats:
            self._follow(mean.detach(), variance.detach() * count / (count - 1))
        scale = torch.rsqrt(variance + self.eps)
        normal = (x - _by_channel(mean, x)) * _by_channel(scale, x)
        if self.affine:
            normal = normal * _by_channel(self.weight, x) + _by_channel(self.bias, x)
        return normal.to(input.dtype)

    def _global_statistics(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and biased variance a channel, and the values behind each; two passes, for E[x²] - E[x]² cancels."""
        dims = [dim for dim in range(x.ndim) if dim != 1]
        mine = x.new_full((1,), x.numel() / x.shape[1])
        sums = sum_over_processes(torch.cat([x.sum(dims), mine]))
        mean, count = sums[:-1] / sums[-1], sums[-1].detach()
        variance = sum_over_processes((x - _by_channel(mean, x)).square().sum(dims)) / count
        return mean, variance, count

    @torch.no_grad()
    def _follow(self, mean: Tensor, unbiased: Tensor) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        momentum = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean.to(self.running_mean), momentum)
        self.running_var.lerp_(unbiased.to(self.running_var), momentum)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"BatchNorm needs (n, channels, …), not {tuple(input.shape)}")


def convert_batch_norm(module: nn.Module) -> nn.Module:
    """Turn PyTorch's BatchNorm1d/2d/3d and SyncBatchNorm inside `module` into `BatchNorm`, in place.

    Parameters, buffers, hooks and settings stay the very same objects; classes derived from PyTorch's are left alone.

    Returns:
        The same module.
    """
    for layer in module.modules():
        if type(layer) in (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm):
            layer.__class__ = BatchNorm  # it adds no attribute to what they have in common
    return module


def _by_channel(values: Tensor, like: Tensor) -> Tensor:
    return values.view(1, -1, *(1,) * (like.ndim - 2))
