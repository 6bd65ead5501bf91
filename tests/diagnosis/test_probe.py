"""A probe leaves no trace, and its figures are what they are called."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

import zerosum
from zerosum.data import density
from zerosum.data.core import Batch
from zerosum.diagnosis.probe import Seen, auc, listening, of_samples, of_units, probe, take, undisturbed
from zerosum.diagnosis.shares import of_player
from zerosum.draw import Draw
from zerosum.games import Phase
from zerosum.spaces import Images, Points
from zerosum.training.observers import Report

N = 200


class Twice:
    """Probes at every look, twice, and compares everything before and after."""

    every_samples = 16

    def __init__(self) -> None:
        self.found: list[tuple[dict[str, float], dict[str, float]]] = []

    def __call__(self, state) -> Report:
        before = trace(state)
        first = probe(state, n=16)
        after = trace(state)
        assert before.keys() == after.keys()
        assert [name for name in before if not same(before[name], after[name])] == []
        self.found.append((first, probe(state, n=16)))
        return Report()


def trace(state) -> dict[str, Any]:
    """Everything of the networks that a look might move, and the random numbers to come."""
    found: dict[str, Any] = {"rng": torch.random.get_rng_state(), "numpy": np.random.get_state()[1].copy()}
    for name, network in {**state.game.networks, **{f"mean {k}": v for k, v in state.averaged.items()}}.items():
        for key, value in network.state_dict().items():
            found[f"{name}.{key}"] = value.clone()
        for key, value in network.named_parameters():
            found[f"{name}.{key} needs"] = value.requires_grad
            found[f"{name}.{key} gradient"] = None if value.grad is None else value.grad.clone()
        for key, module in network.named_modules():
            hooks, tracks = len(module._forward_hooks), getattr(module, "track_running_stats", None)
            found[f"{name}.{key} mode"] = (module.training, tracks, hooks)
    for key, module in state.game.state.named_modules():
        found |= {f"state.{key}.{name}": value.clone() for name, value in module.named_buffers(recurse=False)}
        found[f"state.{key} newest"] = getattr(module, "newest", None)
    return found


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    return bool((a == b).all()) if isinstance(a, np.ndarray) else a == b


@pytest.mark.parametrize("recipe", ["dcgan", "sngan", "cgan", "wgan", "wgan-gp", "cyclegan"])
def test_a_probe_leaves_no_trace_and_says_the_same_again(recipe, tiny, tmp_path):
    """Batch statistics, vectors of the spectral norm, modes, gradients, hooks, random numbers."""
    observer = Twice()
    zerosum.train(**tiny(recipe, doctor="off"), out=tmp_path / "run", observers=[observer])
    assert len(observer.found) == 3
    for first, second in observer.found:
        assert {"signal/coverage", "signal/precision", "signal/diversity"} <= first.keys()
        assert first == pytest.approx(second, nan_ok=True)


class BothWays:
    """Scores of the real samples of both domains by both critics, beside what a look says of them."""

    every_samples = 16

    def __init__(self) -> None:
        self.found: list[tuple[dict[str, float], dict[str, float]]] = []

    def __call__(self, state) -> Report:
        networks = state.game.networks
        batch = take(state.data.train, 16, state.draw.sub("probe").sub("train"))
        with undisturbed(networks.values()), torch.no_grad():
            means = {
                name: networks[name](x).mean().item() for name, x in (("D_A", batch.condition), ("D_B", batch.real))
            }
        self.found.append((probe(state, n=16), means))
        return Report()


def test_every_sampler_of_a_game_is_looked_at_beside_what_it_is_to_make(tiny, tmp_path):
    observer = BothWays()
    zerosum.train(**tiny("cyclegan", doctor="off", precision="float32"), out=tmp_path / "run", observers=[observer])
    for found, means in observer.found:
        first = {name for name in found if "/share/" not in name and "/B2A/" not in name}
        other = {name.replace("/B2A/", "/") for name in found if "/B2A/" in name}
        assert {"signal/auc", "signal/coverage", "signal/drift"} <= first
        assert first <= other  # labels belong to the first domain, so that only of its pictures classes are known
        assert found["signal/score_real"] == pytest.approx(means["D_B"], rel=1e-4)
        assert found["signal/B2A/score_real"] == pytest.approx(means["D_A"], rel=1e-4)
        assert found["signal/auc"] != found["signal/B2A/auc"]


TERMS = {
    "dcgan": {},
    "wgan-gp": {"D": {"adversarial", "gradient_penalty"}},
    "r3gan": {"D": {"adversarial", "r1", "r2"}},
    "cyclegan": {"G": {"adversarial", "cycle", "identity"}, "D": {"A", "B"}},
}


@pytest.mark.parametrize("recipe", TERMS)
def test_the_shares_of_a_players_terms_sum_to_one(recipe, tiny, tmp_path):
    """Of players with one term there is nothing to say; a lazy phase's terms stand beside the others (r3gan)."""
    observer = Twice()
    zerosum.train(**tiny(recipe, doctor="off"), out=tmp_path / "run", observers=[observer])
    for found, _ in observer.found[1:]:  # what terms there are is told by the first line of the log
        shares = {name.removeprefix("signal/share/"): v for name, v in found.items() if "/share/" in name}
        assert set(shares) == {f"{player}/{term}" for player, terms in TERMS[recipe].items() for term in terms}
        assert all(0 <= share <= 1 for share in shares.values())
        for player in TERMS[recipe]:
            assert sum(v for name, v in shares.items() if name.startswith(f"{player}/")) == pytest.approx(1)


def test_a_lazy_term_counts_by_the_rounds_between_two():
    norms = {"adversarial": torch.tensor(3.0)}, {"r1": torch.tensor(16.0)}
    phases = [Phase("D", ("D",), None), Phase("D_r1", ("D",), None, every=16)]
    found = of_player("D", [(phase, {"D": part}) for phase, part in zip(phases, norms, strict=True)])
    assert {name: share.item() for name, share in found.items()} == {"share/D/adversarial": 0.75, "share/D/r1": 0.25}


def test_dropout_rests_and_spectral_norms_do_not_turn():
    network = nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1)
    )
    before = copy.deepcopy(network.state_dict())
    x = torch.randn(8, 3)
    with undisturbed([network]), torch.no_grad():
        assert torch.equal(network(x), network(x))
        assert not network[2].training
        assert network[1].training
    assert network.training
    assert network[2].training
    assert network[1].track_running_stats
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_networks_are_left_as_they_were_after_an_error():
    network = nn.Sequential(nn.BatchNorm1d(2), nn.ReLU(), nn.Dropout())
    network[2].eval()
    with pytest.raises(RuntimeError, match="no"), undisturbed([network]), listening([network]):
        raise RuntimeError("no")
    assert [module.training for module in network] == [True, True, False]
    assert network[0].track_running_stats
    assert not network[1]._forward_hooks


@pytest.mark.parametrize("seed", range(5))
def test_the_auc_is_that_of_scikit_learn(seed):
    draw = Draw(seed)
    above, below = draw.normal(70).round(decimals=1) + 0.3, draw.sub("below").normal(50).round(decimals=1)
    labels = np.r_[np.ones(70), np.zeros(50)]
    expected = roc_auc_score(labels, torch.cat([above, below]).numpy())
    assert auc(above, below).item() == pytest.approx(expected, abs=1e-6)


def blobs(key: str, centres: list[tuple[float, float]], n: int = N) -> torch.Tensor:
    """Points around centres in turn."""
    return torch.tensor(centres).repeat(n, 1)[:n] + 0.02 * Draw(key).normal(n, 2)


LEFT, RIGHT = (-1.0, 0.0), (1.0, 0.0)


def signals(fake: torch.Tensor, label: torch.Tensor | None = None, classes: tuple[str, ...] = ()) -> dict[str, float]:
    train, held_out = (blobs(key, [LEFT, RIGHT]) for key in ("train", "held-out"))
    space = Points((2,), classes=classes)
    seen = Seen(Batch(train, label), Batch(held_out), fake, None, {}, [])
    return {name: float(value) for name, value in of_samples(space, seen, None).items()}


def test_samples_of_the_same_distribution_are_near_and_everywhere():
    found = signals(blobs("fake", [LEFT, RIGHT]))
    assert found["precision"] > 0.95
    assert found["coverage"] > 0.95
    assert found["diversity"] == pytest.approx(1, abs=0.05)


def test_half_of_the_modes_is_half_of_the_coverage():
    found = signals(blobs("fake", [LEFT]))
    assert found["precision"] > 0.95
    assert found["coverage"] == pytest.approx(0.5, abs=0.05)
    assert found["diversity"] < 0.1


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_a_mode_without_samples_is_missing_and_samples_that_are_only_rough_leave_none_out(name):
    mixture = density(name)
    modes, noise = mixture.modes, Draw("noise").normal(256, 2)
    real = modes[torch.arange(256) % len(modes)] + mixture.std * Draw("real").normal(256, 2)

    def missing(made, rough):
        kinds = modes[:made][torch.arange(256) % made]
        seen = Seen(Batch(real), Batch(real), (kinds + rough * mixture.std * noise).float(), None, {}, [])
        return of_samples(Points(2), seen, None)["missing"].item()

    assert missing(len(modes), 1) == missing(len(modes), 3) == 0
    assert missing(len(modes) - 1, 1) == pytest.approx(1 / len(modes), abs=1 / 100)
    assert missing(1, 1) == pytest.approx(1 - 1 / len(modes), abs=1 / 100)


def test_samples_elsewhere_are_near_nothing():
    found = signals(blobs("fake", [(0.0, 1.0), (0.0, -1.0)]))
    assert found["precision"] == 0
    assert found["coverage"] == 0


def test_the_rarest_class_is_seen():
    label = torch.arange(N) % 2
    assert signals(blobs("fake", [LEFT, RIGHT]), label, ("left", "right"))["rarest"] == pytest.approx(1.0)
    assert signals(blobs("fake", [LEFT]), label, ("left", "right"))["rarest"] == 0.0


def test_a_class_without_variety_is_seen_though_the_classes_together_vary():
    label = torch.arange(N) % 2
    space = Points((2,), classes=("left", "right"))
    real, fake = blobs("train", [LEFT, RIGHT]), blobs("fake", [LEFT, RIGHT])
    fake[1::2] = torch.tensor(RIGHT)
    seen = Seen(Batch(real, label), Batch(real), fake, None, {}, [])
    found = of_samples(space, seen, None, asked=True)
    assert found["narrowest"].item() == pytest.approx(0, abs=1e-4)
    assert found["narrowest_class"].item() == 1
    assert found["diversity"].item() == pytest.approx(1, abs=0.05)
    assert found["repeats"].item() == pytest.approx(0.5, abs=0.05)
    assert "narrowest" not in of_samples(space, seen, None)


def test_values_that_no_generator_reaches_are_seen():
    space = Images((1, 8, 8))
    batch = Batch(Draw("images").uniform(20, 1, 8, 8) * 2 - 1)
    found = of_samples(space, Seen(batch, batch, batch.real, None, {}, []), None)
    assert found["outside"].item() == 0
    wrong = Batch(batch.real * 255)
    found = of_samples(space, Seen(wrong, wrong, batch.real, None, {}, []), None)
    assert found["outside"].item() > 0.95


def test_units_that_answer_to_nothing_are_dead():
    network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4), nn.ReLU())
    with torch.no_grad():
        network[0].bias.fill_(100.0)
        network[0].bias[:6] = -100.0
        network[2].weight.fill_(1.0)
    with listening([network]) as activity:
        for _ in range(2):
            network(Draw("x").normal(16, 3))
    seen = Seen(Batch(torch.zeros(1)), Batch(torch.zeros(1)), torch.zeros(1), None, {}, list(activity.values()))
    assert of_units(seen)["dead"].item() == 0.75


def test_a_unit_that_answers_once_is_alive():
    network = nn.Sequential(nn.Identity(), nn.ReLU())
    with listening([network]) as activity:
        network(torch.tensor([[-1.0, -1.0]]))
        network(torch.tensor([[-1.0, 1.0]]))
    assert [(largest > 0).tolist() for largest in activity.values()] == [[False, True]]


def test_samples_are_taken_evenly_and_the_same_ones_each_time():
    data = zerosum.open_data(np.arange(80, dtype=np.float32).reshape(40, 2), progress=False)
    train = data.train.batch(torch.arange(data.train.size or 0), Draw("all")).real
    few = take(data.train, 4, Draw("few")).real
    assert len(few) == 4
    assert torch.equal(few[0], train[0])
    assert torch.equal(few[-1], train[-1])
    assert len(take(data.train, 1_000, Draw("few"))) == data.train.size
