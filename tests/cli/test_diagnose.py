"""`zerosum diagnose` on runs, on what other programs leave behind, and what it says to mistakes."""

import json
import math
import re
import shutil
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import zerosum
from zerosum.cli import main
from zerosum.diagnosis.findings import CATALOGUE
from zerosum.draw import Draw

SMALL = {"progress": False, "device": "cpu", "width": 8, "latent_size": 4, "batch_size": 8, "evaluate": "off"}
COLLAPSED = {
    "signal/diversity": 0.01,
    "signal/precision": 0.9,
    "signal/coverage": 0.1,
    "signal/auc": 0.7,
    "signal/drift": 0.1,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a short run; nothing in it is written to."""
    folder = tmp_path_factory.mktemp("diagnosed")
    zerosum.train("gan", data="ring", length_samples=1_000, out=folder / "runs" / "first", **SMALL)
    return folder


@pytest.fixture(autouse=True)
def here(trained, tmp_path, monkeypatch):
    shutil.copytree(trained / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def diagnosed(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What `--json` prints, and nothing else."""
    assert main(["diagnose", *words, "--json"]) == 0, capsys.readouterr().err
    out, err = capsys.readouterr()
    assert err == ""
    return dict(json.loads(out))


def kinds(document: dict[str, Any]) -> list[str]:
    return [finding["finding"] for finding in document["findings"]]


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["diagnose", *words]) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one message to a mistake."""
    assert main(["diagnose", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zerosum: ")
    assert err.count("\n") == 1
    return err


def rewrite(here, lines: list[dict[str, Any]]) -> None:
    (here / "runs" / "first" / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def looks(first: int, last: int, **signals: float) -> list[dict[str, Any]]:
    return [{"samples_seen": 50 * n, **{f"signal/{k}": v for k, v in signals.items()}} for n in range(first, last)]


# --- runs ---


def test_a_run_that_collapsed(here, capsys):
    healthy = COLLAPSED | {"signal/diversity": 1.0, "signal/coverage": 0.9}
    rewrite(here, [{"samples_seen": 50 * n, **(healthy if n < 10 else COLLAPSED)} for n in range(1, 21)])
    document = diagnosed(capsys, "first")
    assert "collapse" in kinds(document)
    collapse = next(finding for finding in document["findings"] if finding["finding"] == "collapse")
    assert 450 <= collapse["began"] <= 600
    assert collapse["ended"] is None
    assert collapse["evidence"]["signal/diversity"] == 0.01
    assert collapse["causes"]
    assert all(advice["source"] for advice in collapse["remedies"])
    assert json.loads((here / "runs" / "first" / "findings.json").read_text()) == document
    page = (here / "runs" / "first" / "report.html").read_text()
    assert 'id="findings"' in page
    assert "mode collapse" in page
    assert "<rect" in page
    assert "arXiv" in page
    text = printed(capsys, "runs/first")
    for part in ("mode collapse", "diversity 0.01", "likely", "try", "Mescheder 2018"):
        assert part in text


def test_what_is_over_is_told_with_its_end_and_the_rest_is_healthy(here, capsys):
    rewrite(here, [*looks(1, 6, dead=0.0), *looks(6, 12, dead=1.0), *looks(12, 21, dead=0.0)])
    document = diagnosed(capsys, "first")
    assert kinds(document) == ["dead", "nothing serious"]
    assert document["findings"][0]["ended"] == document["findings"][1]["began"] == 650
    assert 0.5 < document["findings"][1]["confidence"] < 1


WELL = {"coverage": 0.9, "precision": 0.9, "diversity": 1.0, "distance": 0.01, "drift": 0.05}


@pytest.mark.parametrize(
    ("kind", "signals"),
    [
        ("healthy", {"auc": 0.52}),
        ("nothing serious", {"auc": 0.95, "precision": 0.6}),
        ("nothing serious", {"auc": 0.52, "distance": 0.1}),
        ("nothing serious", {"auc": 0.52, "drift": 0.3}),
    ],
)
def test_near_equilibrium_is_said_only_where_the_latest_looks_show_it(here, capsys, kind, signals):
    rewrite(here, looks(1, 21, **WELL | signals))
    (found,) = diagnosed(capsys, "first")["findings"]
    assert found["finding"] == kind
    assert found["evidence"]["signal/coverage"] == 0.9
    assert 0.5 < found["confidence"] < 1
    assert CATALOGUE[kind].name in (here / "runs" / "first" / "report.html").read_text()


def test_it_is_as_sure_as_no_detector_was_near_its_threshold(here, capsys):
    rewrite(here, looks(1, 21, **WELL, auc=0.52))
    (calm,) = diagnosed(capsys, "first")["findings"]
    rewrite(
        here, [*looks(1, 10, **WELL, auc=0.52), *looks(10, 12, dead=0.45), *looks(12, 21, **WELL, auc=0.52, dead=0)]
    )
    (close,) = diagnosed(capsys, "first")["findings"]
    assert close["confidence"] < calm["confidence"]


def test_too_few_looks_say_nothing(here, capsys):
    rewrite(here, looks(20, 21, auc=0.7, coverage=0.9, precision=0.9, diversity=1.0))
    document = diagnosed(capsys, "first")
    assert kinds(document) == []
    assert "looked 1 time" in document["notes"][0]
    assert "nothing was found" in printed(capsys, "first")


def test_a_run_that_nobody_watched_says_what_its_log_tells(here, capsys):
    rewrite(here, [{"samples_seen": 10 * n, "G/grad_norm": 1.0 if n < 50 else 1e-9} for n in range(1, 101)])
    assert kinds(diagnosed(capsys, "first")) == ["vanishing"]
    rewrite(here, [{"samples_seen": 10 * n, "G/grad_norm": 1.0} for n in range(1, 101)])
    document = diagnosed(capsys, "first")
    assert kinds(document) == []
    assert "Nobody looked" in document["notes"][0]


def test_a_training_that_failed_says_where(here, capsys):
    """The message of the engine, through the log, to the finding."""
    how = SMALL | {"length_samples": 640, "report_every_samples": 16}
    with pytest.raises(zerosum.TrainingFailed):
        zerosum.train("wgan-gp", data="ring", lr=10.0, gp_weight=1e6, out="runs/broken", **how)
    document = diagnosed(capsys, "broken")
    assert "nan" in kinds(document)
    failure = next(finding for finding in document["findings"] if finding["finding"] == "nan")
    assert "of phase " in failure["detail"]
    assert failure["began"] > 0
    assert "not a number" in (here / "runs" / "broken" / "report.html").read_text()


def test_the_python_of_it(here):
    found = zerosum.diagnose("first")
    assert found.subject == "first"
    written = json.loads((here / "runs" / "first" / "findings.json").read_text())
    assert [finding.kind for finding in found.findings] == kinds(written)


def test_spectral_norms_are_given_when_they_are_asked_for(here, capsys):
    document = diagnosed(capsys, "first", "--spectral")
    tensors = load_file(max((here / "runs" / "first" / "checkpoints").iterdir()) / "model.safetensors")
    norms = document["spectral"]["norms"]
    assert {f"live/{norm['weight']}" for norm in norms} == {
        name for name, tensor in tensors.items() if name.startswith("live/") and tensor.ndim >= 2
    }
    for norm in norms:
        weight = tensors[f"live/{norm['weight']}"].double()
        assert norm["player"] == norm["weight"].split(".")[0]
        assert norm["shape"] == list(weight.shape)
        assert norm["norm"] == pytest.approx(np.linalg.norm(weight.numpy(), 2), rel=1e-5)
    assert document["spectral"]["samples_seen"] == 1_000
    page = (here / "runs" / "first" / "report.html").read_text()
    assert all(f'<th scope="row">{norm["weight"]}</th>' in page for norm in norms)
    text = printed(capsys, "first", "--spectral", "--checkpoint", "1000")
    assert "spectral norms after 1,000 samples seen" in text
    assert all(norm["weight"] in text for norm in norms)


def test_spectral_norms_are_left_out_unless_they_are_asked_for(here, capsys):
    assert "spectral" not in diagnosed(capsys, "first")
    assert 'id="norms"' not in (here / "runs" / "first" / "report.html").read_text()
    assert "spectral norms" not in printed(capsys, "first")


# --- losses of another program ---


def table(path, rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    names = list(rows[0])
    lines = [delimiter.join(names), *(delimiter.join(str(row[name]) for name in names) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def series(n: int = 200, **columns: Any) -> list[dict[str, Any]]:
    return [{name: value(k) if callable(value) else value for name, value in columns.items()} for k in range(1, n + 1)]


@pytest.mark.parametrize(
    ("names", "delimiter"),
    [
        (("d_loss", "g_loss"), ","),
        (("loss_D", "loss_G"), ";"),
        (("D", "G"), "\t"),
        (("errD", "errG"), ","),
        (("train/discriminator_loss", "train/generator_loss"), ","),
        (("critic loss", "gen loss"), ","),
        (("dloss", "gloss"), ","),
    ],
)
def test_losses_of_another_program_are_found_by_their_names(here, capsys, names, delimiter):
    moving = {names[0]: lambda k: noisy(k) if k < 100 else 1e-3 * noisy(k), names[1]: lambda k: 4 * noisy(-k)}
    rows = series(**{"step": lambda k: 10 * k, **moving})
    document = diagnosed(capsys, table(here / "losses.csv", rows, delimiter))
    assert document["columns"] == {"D/loss": names[0], "G/loss": names[1]}
    assert document["unit"] == "step"
    assert kinds(document) == ["outlier", "strong"]  # the loss leaps, and stays where it is
    assert all(900 <= finding["began"] <= 1100 for finding in document["findings"])
    assert "losses alone" in document["findings"][1]["detail"]


def test_which_column_was_taken_is_said(here, capsys):
    rows = series(epoch=lambda k: k, errD=noisy, errG=lambda k: noisy(-k), errD_real=0.5, lr=1e-4)
    text = printed(capsys, table(here / "losses.csv", rows))
    assert "'errD' was taken for D/loss" in text
    assert "nothing was found" in text
    assert "Losses tell little" in text


def test_a_wasserstein_critic_near_zero_is_not_called_strong(here, capsys):
    rows = series(d_loss=lambda k: 0.02 * math.sin(k), g_loss=0.0)
    assert kinds(diagnosed(capsys, table(here / "losses.csv", rows))) == []


def test_beliefs_are_believed(here, capsys):
    """As the tutorial of PyTorch prints them."""
    rows = [{"Loss_D": noisy(k), "Loss_G": 2 * noisy(-k), "D(x)": 0.99, "D(G(z))": 0.01} for k in range(50)]
    assert kinds(diagnosed(capsys, table(here / "losses.csv", rows))) == ["strong"]


def test_losses_without_bound_are_a_divergence(here, capsys):
    rows = series(d_loss=lambda k: -(1.1**k), g_loss=lambda k: 1.1**k)
    document = diagnosed(capsys, table(here / "losses.csv", rows))
    assert [f["finding"] for f in document["findings"] if f["severity"] == "serious"] == ["diverging"]
    assert document["unit"] == "row"


def noisy(k: int) -> float:
    """A course that is normal: noise about a level, the same each time."""
    return 1.4 + 0.05 * float(Draw("noise", k).normal(1))


@pytest.mark.parametrize(("at", "name", "value"), [(140, "d_loss", 9.0), (140, "d_loss", 0.2), (160, "g_loss", 0.1)])
def test_a_single_loss_that_leaps_is_a_note(here, capsys, at, name, value):
    rows = series(d_loss=noisy, g_loss=lambda k: noisy(-k))
    assert kinds(diagnosed(capsys, table(here / "losses.csv", rows))) == []
    rows[at - 1][name] = value
    (found,) = diagnosed(capsys, table(here / "losses.csv", rows))["findings"]
    assert (found["finding"], found["severity"]) == ("outlier", "note")
    assert abs(found["began"] - at) <= 4
    assert found["detector"] == ("outlier" if name == "d_loss" else "drop")
    assert found["evidence"]["statistic"] > found["evidence"]["threshold"] == 8


def near(level: float, share: float, seed: int):
    """A loss about a level that moves by a share of it."""
    return lambda k: level * (1 + share * float(Draw("near", seed, k).normal(1)))


@pytest.mark.parametrize("share", [0.0, 1e-4, 3e-3])
@pytest.mark.parametrize(("d", "g"), [(1.386, 0.693), (1.386, -0.693), (0.693, 0.693), (1.39, 0.69)])
def test_losses_that_stay_at_those_of_a_critic_that_knows_nothing_are_found(here, capsys, d, g, share):
    document = diagnosed(
        capsys, table(here / "losses.csv", series(400, d_loss=near(d, share, 1), g_loss=near(g, share, 2)))
    )
    (found,) = document["findings"]
    assert found["finding"] == "blind"
    assert found["began"] <= 80
    assert found["ended"] is None
    assert "½" in found["detail"]


@pytest.mark.parametrize(("d", "g"), [(0.25, 0.5), (2.0, 0.01), (-3.0, 7.0)])
def test_losses_that_do_not_move_are_found(here, capsys, d, g):
    assert kinds(diagnosed(capsys, table(here / "losses.csv", series(400, d_loss=d, g_loss=g)))) == ["stagnation"]


@pytest.mark.parametrize(
    ("d", "g"),
    [
        (near(1.386, 0.05, 1), near(0.693, 0.05, 2)),
        (near(1.3, 0.03, 1), near(0.8, 0.05, 2)),
        (near(0.5, 0.02, 1), near(0.25, 0.02, 2)),
        (lambda k: 1.386 - 0.3 * k / 400, lambda k: 0.693 + 0.5 * k / 400),
        (lambda k: 0.02 * math.sin(k), 0.0),
    ],
)
def test_losses_that_move_are_not_called_still(here, capsys, d, g):
    assert kinds(diagnosed(capsys, table(here / "losses.csv", series(400, d_loss=d, g_loss=g)))) == []


def test_losses_that_stood_still_for_a_while_are_told_with_an_end(here, capsys):
    rows = series(400, d_loss=lambda k: 1.386 if k < 200 else noisy(k), g_loss=lambda k: 0.693 if k < 200 else noisy(k))
    found = diagnosed(capsys, table(here / "losses.csv", rows))["findings"]
    assert found[0]["finding"] == "blind"
    assert 200 <= found[0]["ended"] <= 240


def test_a_generators_loss_may_rise(here, capsys):
    rows = series(d_loss=noisy, g_loss=lambda k: noisy(-k))
    rows[139]["g_loss"] = 9.0
    assert kinds(diagnosed(capsys, table(here / "losses.csv", rows))) == []


def test_json_lines_with_a_loss_that_is_no_number(here, capsys):
    rows = series(iteration=lambda k: k, D_loss=lambda k: math.nan if k >= 150 else noisy(k), G_loss=noisy)
    (here / "losses.jsonl").write_text("\n".join(map(json.dumps, rows)))
    document = diagnosed(capsys, "losses.jsonl")
    assert kinds(document) == ["nan"]
    assert document["findings"][0]["began"] == 150
    assert document["findings"][0]["detail"] == "D_loss"


def test_the_log_of_a_run_is_that_run(capsys):
    assert diagnosed(capsys, "runs/first/log.jsonl")["subject"] == "first"


# --- samples of another program ---


def test_samples_that_are_all_the_same(here, capsys):
    np.save(
        "made.npy", np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (300, 1)) + Draw("x").normal(300, 2).numpy() / 500
    )
    document = diagnosed(capsys, "--samples", "made.npy", "--against", "ring")
    assert "collapse" in kinds(document)
    assert all(finding["began"] is None for finding in document["findings"])
    assert "256 samples were looked at" in document["notes"][0]


@pytest.mark.parametrize(("n", "modes", "lost"), [(400, 7, True), (400, 8, False), (40, 7, False)])
def test_a_mode_that_is_lost_is_seen_where_there_are_enough_samples_to_tell(here, capsys, n, modes, lost):
    ring = zerosum.open_data("ring", progress=False).held_out.density
    centres = ring.modes[torch.arange(n) % modes]
    np.save("made.npy", (centres + ring.std * Draw("made").normal(n, 2)).float().numpy())
    document = diagnosed(capsys, "--samples", "made.npy", "--against", "ring")
    seen = [one for one in document["findings"] if "signal/missing" in one["evidence"]]
    assert bool(seen) == lost
    assert [one["finding"] for one in seen] == ["partial"] * lost


def test_a_kind_is_told_once_of_samples(here, capsys):
    digits = zerosum.open_data("digits", progress=False)
    one = digits.space.to_array(digits.train.batch(torch.zeros(1, dtype=torch.int64), Draw("one")).real)
    np.save("made.npy", np.repeat(one, 100, 0))
    document = diagnosed(capsys, "--samples", "made.npy", "--against", "digits", "--out", "page.html")
    assert len(kinds(document)) == len(set(kinds(document)))
    assert {"collapse", "partial"} <= set(kinds(document))
    (partial,) = (finding for finding in document["findings"] if finding["finding"] == "partial")
    assert {"signal/rarest", "signal/coverage"} <= partial["evidence"].keys()
    assert re.search(r"class '\d' is hardly made", partial["detail"])
    page = (here / "page.html").read_text()
    assert "Real samples that are farthest from all generated ones".lower() in page.lower()
    assert page.count("data:image/png;base64,") >= 3
    assert "http" not in page.replace("http://www.w3.org", "")


def test_a_page_of_losses_has_them_with_what_was_found_shaded(here, capsys):
    losses = table(here / "losses.csv", series(400, step=lambda k: k, d_loss=1.386, g_loss=0.693))
    diagnosed(capsys, losses, "--out", "page.html")
    page = (here / "page.html").read_text()
    for part in ("critic blind", "d_loss</b> was taken for D/loss", 'class="stretch"', "Losses", "What helps", "½"):
        assert part in page


def test_good_samples_have_no_finding(here, capsys):
    data = zerosum.open_data("ring")
    np.save("made.npy", data.held_out.batch(torch.arange(300), Draw("good")).real.numpy())
    assert kinds(diagnosed(capsys, "--samples", "made.npy", "--against", "ring")) == []


def test_pictures_against_a_folder_of_which_they_are_copies(here, capsys):
    pictures = Draw("pictures").integers(256, 120, 16, 16).numpy().astype(np.uint8)
    np.save("real.npy", pictures)
    data = zerosum.open_data("real.npy", progress=False)
    trained_on = data.space.decode(data.train.batch(torch.arange(90), Draw("all")).real)
    np.save("made.npy", (trained_on[:, 0] * 255).round().numpy().astype(np.uint8))
    assert kinds(diagnosed(capsys, "--samples", "made.npy", "--against", "real.npy")) == ["memorising"]


def test_losses_and_samples_together(here, capsys):
    np.save("made.npy", np.zeros((300, 2), dtype=np.float32) + Draw("x").normal(300, 2).numpy() / 500)
    losses = table(here / "losses.csv", series(d_loss=1e-3, g_loss=9.0))
    document = diagnosed(capsys, losses, "--samples", "made.npy", "--against", "ring")
    assert {"collapse", "strong"} <= set(kinds(document))
    assert document["columns"]["D/loss"] == "d_loss"


# --- mistakes ---


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "What is to be diagnosed?"),
        (["fisrt"], "There is no run or file 'fisrt'. Did you mean 'first'?"),
        (["runs"], "'runs' is no run"),
        (["first", "--samples", "made.npy", "--against", "ring"], "its own samples were looked at"),
        (["--samples", "nothing.npy", "--against", "ring"], "nothing.npy"),
        (["--samples", "runs/first", "--against", "ring"], "is a run: zerosum diagnose runs/first"),
        (["--against", "ring"], "What is to be diagnosed?"),
        (["first", "--against", "ring"], "against belongs to samples"),
        (["first", "--sampels", "x"], "Did you mean '--samples'?"),
        (["--spectral", "--samples", "made.npy", "--against", "ring"], "name a run"),
        (["first", "--checkpoint", "1000"], "belongs to spectral"),
        (["first", "--spectral", "--checkpoint", "7"], "has no checkpoint '7'. Allowed:"),
    ],
)
def test_a_mistake_is_told_once(capsys, words, message):
    assert message in refused(capsys, *words)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no rows"),
        ("d_loss,g_loss\n", "has no rows"),
        ("a,b\n1,2\n", "has no column that can be the loss of a critic or generator"),
        ("d_loss,g_loss\n1,x\n", "line 2: 'g_loss' is 'x', not a number"),
        ('{"d_loss": 1}\n{"d_loss"\n', "line 2, is no JSON"),
        ('{"d_loss": [1]}\n', "'d_loss' is [1], not a number"),
        (
            '[{"d_loss": 1, "g_loss": 2}]\n',
            "is a JSON array; losses are read from JSONL, an object a line, or from CSV",
        ),
        (b"\xff\xfe\x00d", "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_of_losses_is_refused(here, capsys, content, message):
    (here / "losses.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert message in refused(capsys, "losses.csv")


def test_samples_need_something_to_be_held_against(here, capsys):
    np.save("made.npy", np.zeros((300, 2), dtype=np.float32))
    assert "--against DATA" in refused(capsys, "--samples", "made.npy")


def test_samples_of_another_kind_are_refused(here, capsys):
    np.save("made.npy", np.zeros((300, 3), dtype=np.float32))
    assert "Generated samples are points of shape (3,)" in refused(capsys, "--samples", "made.npy", "--against", "ring")


def test_all_kinds_are_listed(capsys):
    text = printed(capsys, "--list")
    assert all(kind.name in text and kind.what in text for kind in CATALOGUE.values())
