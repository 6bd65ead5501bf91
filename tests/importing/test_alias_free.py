"""Published weights of StyleGAN3 make what the published code makes.

The reference is straight-line float64 from the paper (Karras 2021), with filters by scipy: weights are modulated sample
by sample, filters are outer products and convolve zeros too.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import scipy.special
import torch
import torch.nn.functional as F

import zerosum
from zerosum.cli import main
from zerosum.errors import UserError
from zerosum.runs.trained import Trained

SPEC = importlib.util.spec_from_file_location("published_stylegan", Path(__file__).with_name("published.py"))
published = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(published)

SIDE, LAYERS, BASE, MOST, MARGIN, STYLES, LATENT = 16, 4, 64, 12, 5, 6, 5
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


def plan_of(rotation):
    """Cutoffs, half widths, rates, sizes and channels of layers 0 to N, the last the picture's (appendix D)."""
    last = SIDE / 2
    share = np.minimum(np.arange(LAYERS + 1) / (LAYERS - 2), 1)
    cutoffs = 2 * (last / 2) ** share
    stops = 2**2.1 * (last * 2**0.3 / 2**2.1) ** share
    rates = np.exp2(np.ceil(np.log2(np.minimum(2 * stops, SIDE))))
    sizes = (rates + 2 * MARGIN).astype(int)
    sizes[-2:] = SIDE
    times = 2 if rotation else 1
    channels = np.rint(np.minimum(times * BASE / 2 / cutoffs, times * MOST)).astype(int)
    channels[-1] = 3
    return cutoffs, np.maximum(stops, rates / 2) - cutoffs, rates, sizes, channels


def design(taps, cutoff, width, rate, radial=False):
    if not radial:
        return scipy.signal.firwin(taps, cutoff, width=width, fs=rate)
    x = (np.arange(taps) - (taps - 1) / 2) / rate
    r = np.hypot(*np.meshgrid(x, x))
    w = np.kaiser(taps, scipy.signal.kaiser_beta(scipy.signal.kaiser_atten(taps, width / (rate / 2))))
    f = scipy.special.j1(2 * cutoff * np.pi * r) / (np.pi * r) * np.outer(w, w)
    return f / f.sum()


def layers_of(rotation):
    """What the published code computes of a schedule: name, sizes, factors, filters."""
    cutoffs, halves, rates, sizes, channels = plan_of(rotation)
    for index in range(LAYERS + 1):
        prev = max(index - 1, 0)
        layer = {"name": f"L{index}_{sizes[index]}_{channels[index]}", "before": prev, "index": index}
        layer |= {"in": int(channels[prev]), "out": int(channels[index])}
        layer |= {"kernel": 1 if rotation or index == LAYERS else 3, "size": int(sizes[index]), "up": 1, "down": 1}
        if index < LAYERS:
            rate = 2 * max(rates[prev], rates[index])
            up, down = int(rate / rates[prev]), int(rate / rates[index])
            radial = rotation and index < LAYERS - 2
            layer |= {"up": up, "down": down, "fu": design(6 * up, cutoffs[prev], 2 * halves[prev], rate)}
            layer |= {"fd": design(6 * down, cutoffs[index], 2 * halves[index], rate, radial)}
        yield layer


def weights_of(rotation=False, classes=0, seed=0):
    draw = torch.Generator().manual_seed(seed)
    channels, cutoffs = plan_of(rotation)[4], plan_of(rotation)[0]

    def normal(*shape):
        return torch.randn(shape, generator=draw)

    w = {"mapping.w_avg": normal(STYLES)}
    if classes:
        w |= {"mapping.embed.weight": normal(STYLES, classes), "mapping.embed.bias": normal(STYLES)}
    for index, before in enumerate([LATENT + (STYLES if classes else 0), STYLES]):
        w |= {f"mapping.fc{index}.weight": 100 * normal(STYLES, before), f"mapping.fc{index}.bias": 30 * normal(STYLES)}
    first = int(channels[0])
    w |= {"synthesis.input.affine.weight": 0.3 * normal(4, STYLES), "synthesis.input.affine.bias": normal(4)}
    w |= {"synthesis.input.weight": normal(first, first), "synthesis.input.transform": torch.eye(3)}
    w["synthesis.input.transform"][0, 2] = 0.1
    w |= {"synthesis.input.freqs": 0.6 * cutoffs[0] * normal(first, 2), "synthesis.input.phases": normal(first)}
    for layer in layers_of(rotation):
        name, kernel = f"synthesis.{layer['name']}", layer["kernel"]
        w |= {f"{name}.weight": normal(layer["out"], layer["in"], kernel, kernel)}
        w |= {f"{name}.bias": 0.3 * normal(layer["out"]), f"{name}.magnitude_ema": 0.5 + normal().square()}
        w |= {
            f"{name}.affine.weight": normal(layer["in"], STYLES),
            f"{name}.affine.bias": 1 + 0.3 * normal(layer["in"]),
        }
        for kind in ("up", "down"):
            if f"f{kind[0]}" in layer:
                w[f"{name}.{kind}_filter"] = torch.from_numpy(layer[f"f{kind[0]}"]).float()
    return w


def filtered(x, taps):
    taps = torch.from_numpy(taps)
    taps = torch.outer(taps, taps) if taps.ndim == 1 else taps
    return F.conv2d(x.flatten(0, 1)[:, None], taps[None, None]).unflatten(0, x.shape[:2])[:, :, 0]


def features(w, style):
    """Fourier features: coordinates turned and moved, sines, mixed."""
    cutoffs, _, rates, sizes, _ = plan_of(w["rotation"])
    t = published.linear(w, "synthesis.input.affine", style)
    t = t / t[:, :2].norm(dim=1, keepdim=True)
    places = (torch.arange(int(sizes[0]), dtype=torch.float64) + 0.5 - sizes[0] / 2) / rates[0]
    made = []
    for cos, sin, right, down in t:
        turn = torch.tensor([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], dtype=torch.float64)
        move = torch.tensor([[1, 0, -right], [0, 1, -down], [0, 0, 1]], dtype=torch.float64)
        whole = turn @ move @ w["synthesis.input.transform"]
        f = w["synthesis.input.freqs"] @ whole[:2, :2]
        phi = w["synthesis.input.phases"] + w["synthesis.input.freqs"] @ whole[:2, 2]
        height = (1 - (f.norm(dim=1) - cutoffs[0]) / (rates[0] / 2 - cutoffs[0])).clamp(0, 1)
        angle = places[None, :, None] * f[:, 0] + places[:, None, None] * f[:, 1] + phi
        mixing = w["synthesis.input.weight"] / len(f) ** 0.5
        made.append(((2 * torch.pi * angle).sin() * height @ mixing.T).permute(2, 0, 1))
    return torch.stack(made)


def convolved(w, layer, x, style):
    name, kernel = f"synthesis.{layer['name']}", layer["kernel"]
    s = published.linear(w, f"{name}.affine", style)
    made = []
    for one, scale in zip(x, s, strict=True):
        weight = w[f"{name}.weight"] * scale[None, :, None, None]
        if layer["index"] < LAYERS:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        else:
            weight = weight / (layer["in"] * kernel**2) ** 0.5
        weight = weight / w[f"{name}.magnitude_ema"].sqrt()
        made.append(F.conv2d(one[None], weight, padding=kernel - 1))
    return torch.cat(made) + w[f"{name}.bias"][:, None, None]


def generated(weights, z, c=None, clamp=None, rotation=False):
    """What the published generator makes, `(n, 3, 16, 16)`."""
    w = {name: value.double() for name, value in weights.items()} | {"rotation": rotation}
    x = published.unit(z.double())
    if c is not None:
        x = torch.cat([x, published.unit(published.linear(w, "mapping.embed", c.double()))], dim=1)
    for index in range(2):
        x = published.activated(published.linear(w, f"mapping.fc{index}", x, 0.01), None)
    style, x = x, features(w, x)
    sizes = plan_of(rotation)[3]
    for layer in layers_of(rotation):
        x = convolved(w, layer, x, style)
        if "fu" not in layer:
            return (x if clamp is None else x.clamp(-clamp, clamp)) * 0.25
        up, down, fu, fd = layer["up"], layer["down"], layer["fu"], layer["fd"]
        total = (layer["size"] - 1) * down + 1 - (int(sizes[layer["before"]]) + layer["kernel"] - 1) * up
        total += len(fu) + len(fd) - 2
        front = (total + up) // 2
        wide = x.new_zeros(*x.shape[:2], x.shape[2] * up, x.shape[3] * up)
        wide[:, :, ::up, ::up] = x
        wide = F.pad(wide, (front, total - front, front, total - front))
        x = published.activated(filtered(wide, fu) * up**2, clamp)
        x = filtered(x, fd)[:, :, ::down, ::down]
    raise AssertionError


def pkl(path, weights, critic=None, **how):
    return published.pkl(path, weights, critic, **{"synthesis.output_scale": 0.25} | how)


def latents(n=4):
    return torch.randn(n, LATENT, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("rotation", "clamp", "classes"), [(False, None, 0), (True, 0.7, 0), (False, 0.7, 3)])
def test_an_imported_generator_makes_what_the_published_code_makes(rotation, clamp, classes, tmp_path):
    weights = weights_of(rotation, classes)
    file = pkl(tmp_path / "net.pkl", weights, clamp=clamp)
    run = zerosum.import_weights(file, out=tmp_path / "run")
    assert run.plan["recipe"] == "stylegan3"
    G, z = Trained(run.path).averaged["G"], latents()
    label = torch.tensor([0, 2, 1, 2])
    made = G(z, *([label] if classes else []))
    expected = generated(weights, z, torch.eye(3)[label] if classes else None, clamp, rotation)
    torch.testing.assert_close(made.double(), expected, **TOLERANCE)
    assert made.std() > 0.05
    torch.testing.assert_close(G.style.mean, weights["mapping.w_avg"])


def test_an_imported_critic_says_what_the_published_code_says(tmp_path, monkeypatch):
    monkeypatch.setattr(published, "CHANNELS", {4: 12, 8: 8, 16: 4})
    critic = published.critic_weights()
    run = zerosum.import_weights(pkl(tmp_path / "net.pkl", weights_of(), critic), out=tmp_path / "run")
    assert run.plan["imported"]["networks"]["D"] == "file"
    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    scores = Trained(run.path).game.networks["D"](x)
    torch.testing.assert_close(scores.double(), published.judged(critic, x), **TOLERANCE)


def test_an_imported_run_can_be_sampled(tmp_path, capsys):
    run = tmp_path / "run"
    assert main(["import", str(pkl(tmp_path / "net.pkl", weights_of())), "--out", str(run)]) == 0
    assert "G: file" in capsys.readouterr().out
    assert main(["sample", str(run), "--n", "4", "--out", str(tmp_path / "drawn.png")]) == 0


def altered(**changes):
    """Weights with some in another place: None takes one away."""
    return {name: value for name, value in (weights_of() | changes).items() if value is not None}


L1 = next(f"synthesis.{layer['name']}" for layer in layers_of(False) if layer["index"] == 1)
WRONG = {
    "StyleGAN3's: it lacks 'synthesis.input.phases'": (altered(**{"synthesis.input.phases": None}), {}),
    f"StyleGAN3's: it has '{L1}.more' besides": (altered(**{f"{L1}.more": torch.zeros(1)}), {}),
    "up_filter of the file is another filter": (altered(**{f"{L1}.up_filter": torch.ones(12) / 12}), {}),
    "are not by StyleGAN3's schedule": ({name.replace("L1_", "L1_1"): v for name, v in weights_of().items()}, {}),
    "output_scale of the file is 1.0": (weights_of(), {"synthesis.output_scale": 1.0}),
}


@pytest.mark.parametrize("told", WRONG)
def test_other_networks_are_refused(told, tmp_path):
    weights, attributes = WRONG[told]
    with pytest.raises(UserError) as refusal:
        zerosum.import_weights(pkl(tmp_path / "net.pkl", weights, **attributes), out=tmp_path / "run")
    assert told in str(refusal.value)
    assert not (tmp_path / "run").exists()
