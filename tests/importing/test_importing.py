"""Published weights make what the published code makes, and no file makes anything happen."""

import argparse
import builtins
import importlib.util
import io
import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import torch

import zerosum
from zerosum.cli import main
from zerosum.errors import UserError
from zerosum.runs.trained import Trained
from zerosum.training.checkpoints import digest_of

SPEC = importlib.util.spec_from_file_location("published_stylegan2", Path(__file__).with_name("published.py"))
published = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(published)

PLAY = published.generator_weights()
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


def latents(n=4):
    return torch.randn(n, published.LATENT, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("clamp", [None, 0.7])
@pytest.mark.parametrize("classes", [0, 3])
def test_an_imported_generator_makes_what_the_published_code_makes(classes, clamp, protocol, tmp_path):
    weights = published.generator_weights(classes)
    file = published.pkl(tmp_path / "net.pkl", weights, clamp=clamp, protocol=protocol)
    run = zerosum.import_weights(file, out=tmp_path / "run")
    G, z = Trained(run.path).averaged["G"], latents()
    label = torch.tensor([0, 2, 1, 2])
    one_hot = torch.eye(3)[label] if classes else None
    made = G(z, *([label] if classes else []))
    torch.testing.assert_close(made.double(), published.generated(weights, z, one_hot, clamp), **TOLERANCE)
    torch.testing.assert_close(G.style.mean, weights["mapping.w_avg"])


@pytest.mark.parametrize("clamp", [None, 0.7])
@pytest.mark.parametrize("shortcuts", [True, False])
def test_an_imported_critic_says_what_the_published_code_says(shortcuts, clamp, tmp_path):
    weights = published.critic_weights(shortcuts)
    attributes = {} if shortcuts else {"b16.architecture": "orig"}
    file = published.pkl(tmp_path / "net.pkl", PLAY, weights, clamp=clamp, **attributes)
    run = zerosum.import_weights(file, out=tmp_path / "run")
    assert run.plan["imported"]["networks"]["D"] == "file"
    x = published.generated(PLAY, latents()).float()
    scores = Trained(run.path).game.networks["D"](x)
    torch.testing.assert_close(scores.double(), published.judged(weights, x, clamp), **TOLERANCE)


@pytest.mark.parametrize("trained", [False, True])
def test_rosinalitys_files_give_the_same_networks(trained, tmp_path):
    state, mean = published.rosinality(PLAY)
    held = {"g_ema": state, "latent_avg": mean}
    if trained:  # as a training leaves it: with options, and without the mean of w
        critic = published.critic_weights()
        held = {"g": state, "g_ema": state, "d": published.rosinality_critic(critic), "args": argparse.Namespace(lr=1)}
    torch.save(held, tmp_path / "net.pt")
    run = zerosum.import_weights(tmp_path / "net.pt", out=tmp_path / "run")
    G, z = Trained(run.path).averaged["G"], latents()
    x = published.generated(PLAY, z)
    torch.testing.assert_close(G(z).double(), x, **TOLERANCE)
    if trained:
        scores = Trained(run.path).game.networks["D"](x.float())
        torch.testing.assert_close(scores.double(), published.judged(critic, x), **TOLERANCE)
        many = torch.randn(20_000, published.LATENT, generator=torch.Generator().manual_seed(3))
        torch.testing.assert_close(G.style.mean, G.mapping(many).mean(0), rtol=0, atol=0.05)
    else:
        torch.testing.assert_close(G.style.mean, mean)


def test_an_imported_run_can_be_sampled_and_explored_but_not_resumed(tmp_path, capsys):
    live = published.generator_weights(seed=5)
    file = published.pkl(tmp_path / "net.pkl", PLAY, live=live)
    run = tmp_path / "run"
    assert main(["import", str(file), "--out", str(run)]) == 0
    assert f"zerosum sample {run}" in capsys.readouterr().out
    plan = json.loads((run / "plan.json").read_text())
    assert plan["imported"]["sha256"] == digest_of(file)
    assert plan["imported"]["networks"]["D"].startswith("untrained")
    trained, z = Trained(run), latents()
    torch.testing.assert_close(trained.game.networks["G"](z).double(), published.generated(live, z), **TOLERANCE)

    assert main(["sample", str(run), "--n", "4", "--out", str(tmp_path / "drawn.png")]) == 0
    how = ["--what", "mix", "--rows", "2", "--columns", "2"]
    assert main(["explore", str(run), *how, "--out", str(tmp_path / "mixed.png")]) == 0
    assert main(["show", str(run)]) == 0
    assert "zerosum resume" not in capsys.readouterr().out
    for words in (["resume", str(run), "--length-samples", "100000"], ["evaluate", str(run)]):
        assert main(words) == 2
        assert "imported" in capsys.readouterr().err


class Evil:
    """Pickles as a call."""

    def __init__(self, call, *given):
        self.call, self.given = call, given

    def __reduce__(self):
        return self.call, self.given


def nested(evil):
    """A storage's bytes that hold the call."""
    written = io.BytesIO()
    torch.save(evil, written, _use_new_zipfile_serialization=False)
    return Evil(torch.storage._load_from_bytes, written.getvalue())


def evils(marker):
    touch = f"touch {marker}"
    return {
        "posix.system": Evil(os.system, touch),
        "builtins.eval": Evil(builtins.eval, f"open({marker!r}, 'w')"),
        "builtins.getattr": Evil(getattr, "text", "upper"),
        "torch.serialization.load": Evil(torch.load, marker),
        "torch.storage._load_from_bytes > posix.system": nested(Evil(os.system, touch)),
        "builtins.eval beside a network": {"G_ema": Evil(builtins.eval, f"open({marker!r}, 'w')")},
        "collections.OrderedDict.__init__": b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.",
    }


@pytest.mark.parametrize("name", evils(""))
def test_a_file_that_wants_to_run_something_is_refused_by_name(name, tmp_path, capsys):
    marker, run = str(tmp_path / "executed"), tmp_path / "run"
    evil = evils(marker)[name]
    written = evil if isinstance(evil, bytes) else pickle.dumps(evil, protocol=4)
    (tmp_path / "net.pkl").write_bytes(written)
    assert main(["import", str(tmp_path / "net.pkl"), "--out", str(run)]) == 2
    told = capsys.readouterr().err
    assert f"wants {name.split(' > ')[-1].split()[0]}" in told
    assert "does not execute" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.pkl"]


def test_a_state_file_that_wants_to_run_something_is_refused_by_name(tmp_path, capsys):
    torch.save({"g_ema": Evil(os.system, f"touch {tmp_path / 'executed'}")}, tmp_path / "net.pt")
    assert main(["import", str(tmp_path / "net.pt"), "--out", str(tmp_path / "run")]) == 2
    assert "posix.system" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.pt"]


def altered(**changes):
    """Weights with some in another place: None takes one away."""
    return {name: value for name, value in (PLAY | changes).items() if value is not None}


WRONG = {
    "lacks 'synthesis.b8.conv0.noise_const'": (altered(**{"synthesis.b8.conv0.noise_const": None}), {}),
    "has 'synthesis.b8.more' besides": (altered(**{"synthesis.b8.more": torch.zeros(1)}), {}),
    "is (16, 12, 3, 3) there": (altered(**{"synthesis.b8.conv0.weight": torch.zeros(16, 12, 3, 3)}), {}),
    "another filter": (altered(**{"synthesis.b8.resample_filter": torch.ones(4, 4) / 16}), {}),
    "architecture of the file is 'resnet'": (PLAY, {"synthesis.b16.architecture": "resnet"}),
    "activation of the file is 'relu'": (PLAY, {"synthesis.b16.conv1.activation": "relu"}),
}


@pytest.mark.parametrize("told", WRONG)
def test_other_networks_are_refused(told, tmp_path):
    weights, attributes = WRONG[told]
    file = published.pkl(tmp_path / "net.pkl", weights, **attributes)
    with pytest.raises(UserError) as refusal:
        zerosum.import_weights(file, out=tmp_path / "run")
    assert told in str(refusal.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["cut short", "no pickle", "of something else", "absent", "other ending", "cut .pt"])
def test_what_is_no_whole_file_is_refused(kind, tmp_path, capsys):
    file = published.pkl(tmp_path / "net.pkl", PLAY)
    match kind:
        case "cut short":
            file.write_bytes(file.read_bytes()[:-2000])
        case "no pickle":
            file.write_text("weights")
        case "of something else":
            file.write_bytes(pickle.dumps({"weights": [1.0]}))
        case "absent":
            file.unlink()
        case "other ending":
            file = Path(shutil.move(file, tmp_path / "net.onnx"))
        case "cut .pt":
            file = tmp_path / "net.pt"
            torch.save({"g_ema": {}}, file)
            file.write_bytes(file.read_bytes()[:-100])
    assert main(["import", str(file), "--out", str(tmp_path / "run")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "run").exists()
