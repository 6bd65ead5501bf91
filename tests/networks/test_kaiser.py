"""Low-pass filters against scipy and against what they promise; resampling against zeros, padding and a convolution."""

import math
from itertools import pairwise

import pytest
import scipy.signal
import scipy.special
import torch
import torch.nn.functional as F

from zerosum.networks import kaiser
from zerosum.networks.alias_free import TAPS, resampling, schedule
from zerosum.networks.kaiser import Downsampling, Upsampling, attenuation, low_pass, radial_low_pass, shape_of

DESIGNS = [(12, 2.0, 12.0, 32.0), (24, 5.0, 22.0, 128.0), (12, 16.0, 7.4, 64.0), (12, 1.0, 1.0, 32.0)]
every_design = pytest.mark.parametrize(("taps", "cutoff", "width", "rate"), DESIGNS)
PAPER = list(pairwise(schedule((1024, 1024), width=32)))


def gain(h, f, rate):
    """|H(f)| of taps `(k,)` or `(k, k)` at frequencies `(…)` or `(…, 2)`, in cycles a unit."""
    x = (torch.arange(len(h), dtype=torch.float64) - (len(h) - 1) / 2) / rate
    if h.ndim == 1:
        return (h * torch.cos(2 * math.pi * f[..., None] * x)).sum(-1).abs()
    waves = [torch.cos(2 * math.pi * f[..., axis, None] * x) for axis in (0, 1)]
    return torch.einsum("ij,...i,...j->...", h, *waves).abs()


@every_design
def test_filters_are_kaisers(taps, cutoff, width, rate):
    A = scipy.signal.kaiser_atten(taps, width / (rate / 2))
    assert attenuation(taps, width, rate) == pytest.approx(A)
    assert shape_of(A) == pytest.approx(scipy.signal.kaiser_beta(A))
    expected = scipy.signal.firwin(taps, cutoff, width=width, fs=rate)
    torch.testing.assert_close(low_pass(taps, cutoff=cutoff, width=width, rate=rate), torch.from_numpy(expected))


def test_a_single_tap_is_one():
    assert low_pass(1, cutoff=3.0, width=2.0, rate=8.0).tolist() == [1.0]


@every_design
def test_radial_filters_are_jinc_under_the_window(taps, cutoff, width, rate):
    h = radial_low_pass(taps, cutoff=cutoff, width=width, rate=rate)
    w = torch.from_numpy(scipy.signal.windows.kaiser(taps, shape_of(attenuation(taps, width, rate))))
    bare = h / torch.outer(w, w)
    i, j = taps // 2, taps - 1
    r = math.hypot(j - (taps - 1) / 2, i - (taps - 1) / 2) / rate
    near = math.hypot(0.5, 0.5) / rate
    jinc = [scipy.special.j1(2 * math.pi * cutoff * x) / x for x in (r, near)]
    assert (bare[i, j] / bare[i, i]).item() == pytest.approx(jinc[0] / jinc[1])
    for same in (h.T, h.flip(0), h.flip(1), torch.rot90(h)):
        torch.testing.assert_close(same, h)


def test_radial_filters_treat_all_directions_alike_and_separable_ones_do_not():
    how = {"cutoff": 5.0, "width": 8.0, "rate": 32.0}
    angle = torch.linspace(0, math.pi / 4, 9, dtype=torch.float64)
    on_circle = torch.stack([angle.cos(), angle.sin()], dim=-1) * 6.0
    h = low_pass(12, **how)
    spreads = [
        gain(x, on_circle, 32.0).max() - gain(x, on_circle, 32.0).min()
        for x in (radial_low_pass(12, **how), torch.outer(h, h))
    ]
    assert spreads[0] < 0.02 < spreads[1]


@pytest.mark.parametrize(("before", "after"), PAPER)
def test_filters_of_the_paper_pass_what_is_flat_and_stop_their_band(before, after):
    """Attenuation in the stop band is the one designed for; in practice Kaiser's estimate is right to some dB."""
    plan = resampling(before, after)
    rate = before.rate * plan.up
    for level, taps in ((before, plan.rise), (after, plan.fall)):
        assert taps.sum().item() == pytest.approx(1)
        A = attenuation(len(taps), 2 * level.half_width, rate)
        stop = level.cutoff + level.half_width
        f = torch.linspace(stop, rate / 2, 500, dtype=torch.float64)
        if A > 21 and stop < rate / 2:
            assert -20 * gain(taps, f, rate).max().log10() > A - 6


@pytest.fixture(params=[False, True], ids=["convolutions", "products"])
def way(request, monkeypatch):
    """How images are filtered."""
    monkeypatch.setattr(kaiser, "better_as_products", lambda x: request.param)


@pytest.mark.parametrize("pad", [((3, 2), (-2, 4)), ((0, 0), (-7, -9))])
@pytest.mark.parametrize("times", [2, 4])
@pytest.mark.usefixtures("way")
def test_upsampling_is_zeros_padding_and_a_convolution(times, pad):
    taps = low_pass(TAPS * times, cutoff=1.0, width=2.0, rate=4.0 * times)
    x = torch.randn(2, 3, 13, 15, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wide = x.new_zeros(2, 3, 13 * times, 15 * times)
    wide[:, :, ::times, ::times] = x
    kernel = (torch.outer(taps, taps) * times**2).expand(3, 1, -1, -1)
    (top, bottom), (left, right) = pad
    expected = F.conv2d(F.pad(wide, (left, right, top, bottom)), kernel, groups=3)
    made = Upsampling(taps, times=times, pad=pad).double()(x)
    torch.testing.assert_close(made, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("design", [low_pass, radial_low_pass])
@pytest.mark.usefixtures("way")
def test_downsampling_is_a_convolution_of_which_some_values_are_kept(design):
    taps = design(12, cutoff=1.0, width=2.0, rate=8.0)
    x = torch.randn(2, 3, 20, 23, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    kernel = (torch.outer(taps, taps) if taps.ndim == 1 else taps).expand(3, 1, -1, -1)
    expected = F.conv2d(x, kernel, groups=3)[:, :, ::2, ::2]
    torch.testing.assert_close(Downsampling(taps, times=2).double()(x), expected, rtol=1e-6, atol=1e-6)
