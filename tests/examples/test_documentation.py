"""The documentation says what is true: its commands are understood, its Python runs, its links lead somewhere."""

import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest

import zerosum
from zerosum import api, recipes
from zerosum.cli import main
from zerosum.data import DATA, DataOptions
from zerosum.recipes.options import keywords, options

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)|src=\"([^\"]+)\"")


def blocks(page: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(page.read_text()) if kind == language]


def commands(command: str) -> list[str]:
    """All command lines `zerosum COMMAND …` of all pages, without comments."""
    lines = [line for page in PAGES for body in blocks(page, "sh") for line in body.splitlines()]
    found = [shlex.join(shlex.split(line, comments=True)) for line in lines]
    return sorted({line for line in found if line.startswith(f"zerosum {command}")})


def links(page: Path) -> set[str]:
    return set(map("".join, LINK.findall(FENCE.sub("", page.read_text()))))


LINKS = sorted((page, link) for page in PAGES for link in links(page))


@pytest.mark.parametrize(("page", "link"), LINKS, ids=lambda part: str(getattr(part, "name", part)))
def test_a_link_leads_to_a_file(page, link):
    assert (page.parent / link).exists()


@pytest.mark.parametrize("line", [line for line in commands("train") if "--help" not in line])
def test_a_training_that_is_shown_is_possible(line, monkeypatch, tmp_path, capsys):
    """Built in full where the data is at hand; otherwise all of it but the data is understood."""
    asked = []
    monkeypatch.setattr(api, "train", lambda **how: asked.append(how) or SimpleNamespace(path=tmp_path))
    monkeypatch.setattr(api, "train_seeds", lambda seeds, **how: asked.append(how) or [])
    monkeypatch.setattr("zerosum.runs.places", lambda path: "")
    assert main(shlex.split(line)[1:]) == 0
    for how in asked:
        how.pop("out", None)
        if how.get("data", "digits") in DATA:
            suits = api.recommend(how.get("data", "digits"))
            assert api.describe(**how)["recipe"] == (suits if how["recipe"] == recipes.AUTO else how["recipe"])
        else:
            assert how["recipe"] in {*recipes.names(), recipes.AUTO}
            DataOptions(**{name: how[name] for name in how if name in DataOptions.__dataclass_fields__})


@pytest.mark.parametrize("line", [line for line in commands("") if "--help" in line])
def test_a_help_page_that_is_shown_exists(line, capsys):
    with pytest.raises(SystemExit) as stop:
        main(shlex.split(line)[1:])
    assert not stop.value.code
    assert "usage" in capsys.readouterr().out


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with a tiny run under every name that the pages use."""
    folder = tmp_path_factory.mktemp("shown")
    trained = {"r3gan-digits-1": "dcgan", "first": "dcgan", "cgan-digits-1": "cgan", "infogan-digits-1": "infogan"}
    data = dict.fromkeys(trained, "digits") | {"cyclegan-glyphs-sans-serif-1": "glyphs:sans-serif"}
    for name, source in data.items():
        how = {"width": 4, "length_samples": 8, "batch_size": 8, "device": "cpu", "progress": False}
        how |= {"evaluate": "kid", "evaluate_n": 10, "evaluate_every_samples": 8} if name == "first" else {}
        recipe = trained.get(name, "cyclegan")
        zerosum.train(recipe, data=source, out=folder / "runs" / name, **how)
    return folder


@pytest.mark.parametrize(
    "line",
    [
        line
        for command in ("resume", "sample", "explore", "show", "report")
        for line in commands(command)
        if "--help" not in line
    ],
)
def test_a_command_on_a_run_is_possible(line, runs, monkeypatch, capsys):
    monkeypatch.chdir(runs)
    resumed = []
    monkeypatch.setattr(api, "resume", lambda run, **how: resumed.append((run, how)) or SimpleNamespace(path=run))
    assert main(shlex.split(line)[1:]) == 0
    for _, how in resumed:
        assert set(how) <= {"length_samples"}


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page, monkeypatch, tmp_path, capsys):
    """Its blocks in order, as one script."""
    monkeypatch.chdir(tmp_path)
    script = "\n".join(blocks(page, "python"))
    exec(compile(script, page, "exec"), {"__name__": "documentation"})


@pytest.fixture(scope="module")
def sections():
    """The page about recipes: name -> its section; "" -> what stands before."""
    begin, *rest = re.split(r"^## `([\w-]+)`\n", (ROOT / "docs" / "recipes.md").read_text(), flags=re.MULTILINE)
    return {"": begin} | dict(zip(rest[::2], rest[1::2], strict=True))


def test_every_recipe_has_a_section(sections):
    assert list(sections) == ["", *recipes.names()]


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_is_shown_with_command_picture_and_all_its_options(name, sections):
    section = sections[name]
    assert f"zerosum train {name} --data" in section
    assert f"(pictures/gallery/{name}.png) [Measured](gallery.md#{name})" in section
    recipe = recipes.recipe(name)
    for option in options(recipe):
        flag = f"`--{option.replace('_', '-')}`"
        assert flag in (section if option in keywords(recipe) else section + sections[""])


def test_every_name_of_data_is_explained():
    for page in (ROOT / "README.md", ROOT / "docs" / "data.md"):
        text = page.read_text()
        assert all(f"`{name}`" in text for name in DATA)
