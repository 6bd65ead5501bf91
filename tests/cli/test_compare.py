"""`zerosum compare` as a user types it."""

import json

import pytest

import zerosum
from zerosum.cli import main


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """Two runs on the ring, evaluated alike, and one that was not evaluated."""
    folder = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZEROSUM_CACHE", str(folder / "cache"))
        for name, recipe in (("a", "gan"), ("b", "wgan"), ("c", "gan")):
            path = folder / "runs" / name
            zerosum.train(recipe, data="ring", out=path, length_samples=256, width=16, progress=False, device="cpu")
        for name in "ab":
            how = {"n": 200, "progress": False, "confidence": False}
            zerosum.evaluate(folder / "runs" / name, metrics=["fd", "kid", "modes"], **how)
    return folder


@pytest.fixture(autouse=True)
def inside(here, monkeypatch):
    monkeypatch.setenv("ZEROSUM_CACHE", str(here / "cache"))
    monkeypatch.chdir(here)
    return here


def test_a_table_and_a_page(capsys, inside):
    assert main(["compare", "a", "b", "c", "--out", "page.html"]) == 0
    out = capsys.readouterr().out
    assert "fd[raw] ↓" in out
    assert "c: not evaluated yet" in out
    assert out.rstrip().endswith("page.html")
    assert "fd[raw]" in (inside / "page.html").read_text()


def test_the_page_is_beside_the_user_by_default(inside):
    assert main(["compare", "a", "b"]) == 0
    assert (inside / "compare.html").is_file()


def test_what_is_not_comparable_ends_with_code_2_unless_left_out(capsys, inside):
    assert main(["evaluate", "a", "--metrics", "fd", "--n", "300", "--json"]) == 0
    (inside / "other.json").write_text(capsys.readouterr().out)
    assert main(["compare", "b", "other.json", "--out", "refused.html"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zerosum: fd[raw] of b and of other cannot be compared: other numbers of")
    assert err.count("\n") == 1
    assert not (inside / "refused.html").exists()
    assert main(["compare", "b", "other.json", "--metrics", "modes,kid"]) == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "Two or more are needed"),
        ("b", "Two or more are needed"),
        ("b b", "The same is given twice"),
        ("b cc", "There is no run 'cc'. Did you mean 'c'?"),
        ("b c --metrics fdd", "None of them has a record of 'fdd'"),
        ("b c --out no/such/folder.html", "Cannot write 'no/such/folder.html'"),
    ],
)
def test_a_mistake_is_told_once(capsys, line, message):
    assert main(["compare", *line.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"zerosum: {message}")
    assert err.count("\n") == 1


def test_from_python(inside):
    found = zerosum.compare([inside / "runs" / "b", "c"], out="python.html")
    assert found.names == ["b", "c"]
    assert json.loads((inside / "runs" / "b" / "evaluations.jsonl").read_text().splitlines()[0])["metric"] == "fd[raw]"
    assert (inside / "python.html").is_file()
