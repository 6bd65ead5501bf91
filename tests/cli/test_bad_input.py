"""What users get wrong, on the command line: one message, code 2, nothing written."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zerosum.cli import main

IMAGE = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
GOOD = np.stack([IMAGE] * 10)


def png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(IMAGE).save(buffer, "PNG")
    return buffer.getvalue()


def folder(**files: bytes) -> Callable[[Path], None]:
    def make(place: Path) -> None:
        place.mkdir()
        for name, content in files.items():
            path = place / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    return make


def archive(name: str) -> Callable[[Path], None]:
    def make(place: Path) -> None:
        with zipfile.ZipFile(place, "w") as file:
            file.writestr(name, png())

    return make


def arrays(**named: np.ndarray) -> Callable[[Path], None]:
    return lambda place: np.savez(place, **named)  # type: ignore[arg-type]


def content(of: bytes) -> Callable[[Path], None]:
    return lambda place: place.write_bytes(of) and None


DATA: dict[str, tuple[Callable[[Path], None], str]] = {
    "empty folder": (folder(), "has no images"),
    "folder of texts": (folder(a_txt=b"a"), "has no images"),
    "folder of one image": (folder(a_png=png()), "1 usable image(s), a.png; at least 3"),
    "text called png": (folder(a_png=b"text", b_png=png(), c_png=png()), "1 of 3 images cannot be read: a.png (not"),
    "truncated": (folder(a_png=png()[:50], b_png=png()[:50]), "None of the 2 image(s) can be read"),
    "outside.zip": (archive("../a.png"), "points outside of the archive"),
    "one.zip": (archive("a.png"), "1 usable image(s)"),
    "text.zip": (content(b"text"), "cannot be read as a zip archive"),
    "keys.npz": (arrays(x=GOOD), "has the keys x; the array must be called samples or images"),
    "labels.npz": (arrays(samples=GOOD, labels=np.arange(9)), "10 samples and 9 labels"),
    "one-hot.npz": (arrays(samples=GOOD, labels=np.eye(10)), "One-hot rows become so by .argmax(1)"),
    "bright.npz": (arrays(samples=GOOD * 1.0), "float images must be in [0, 1] or in [-1, 1]"),
    "nan.npz": (arrays(samples=GOOD * np.nan), "not finite"),
    "five.npz": (arrays(samples=np.zeros((4, 4, 4, 4, 4))), "has shape (4, 4, 4, 4, 4)"),
    "whole.npz": (arrays(samples=GOOD.astype(np.int64)), ".astype('uint8')"),
    "cut.npz": (content(b"PK\x03\x04..."), "cannot be read as an array"),
    "table.csv": (content(b"1,2"), "is a single file of another kind"),
}


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ZEROSUM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line that is said."""
    assert main(list(words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zerosum: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize("name", DATA)
def test_data_that_cannot_be_used(capsys: pytest.CaptureFixture[str], name: str) -> None:
    make, message = DATA[name]
    make(Path(name))
    assert message in refused(capsys, "train", "gan", "--data", name)
    assert [path.name for path in Path().iterdir()] == [name]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dcgan --resolution 7", "cannot have images of 7x7"),
        ("gan --resolution 0", "from 1 to 16384"),
        ("gan --resolution 8x8x8", "height x width"),
        ("gan --channels 2", "cannot become 2"),
        ("gan --held-out nan", "it takes a number"),
        ("gan --rotate 200", "at most 180"),
        ("gan --shift 1", "below 1"),
        ("gan --lr nan", "takes a number"),
        ("gan --ema-half-life-samples inf", "must be finite"),
        ("gan --length-samples 99999999999999999999", "out of range"),
        (f"gan --width 1{'0' * 400}", "out of range"),
        (f"gan --data shards:{'x' * 300}", "no such file"),
        ("transgan --data digits --depths 99", "up to 64"),
        ("gan --devices 0", "devices is 0"),
        ("gan --seed -1", "seed is -1"),
        ("cgan", "needs labels"),
        ("cyclegan", "two domains"),
        ("gan --target nowhere", "Unknown data 'nowhere'"),
        ("gan --data glyphs:sans-serif", "name one of them, without --target, or take cyclegan"),
        (f"gan --data {'x' * 300}", "no such file or folder"),
        (f"gan --out {'x' * 300}", "Choose another --out"),
        ("gan --out good.npy", "is a file"),
        ("gan --out good.npy/run", "Choose another --out"),
        ("gan --out good.npy --dry-run", "is a file"),
        ("gan --seeds 0 --dry-run", "from 1 to"),
        ("gan --devices 3 --batch-size 64 --dry-run", "cannot be shared evenly by 3 processes"),
        ("auto gan", "auto chooses the recipe: leave 'gan' out, or auto"),
    ],
)
def test_options_that_cannot_be(capsys: pytest.CaptureFixture[str], line: str, message: str) -> None:
    np.save("good.npy", GOOD)
    recipe, *options = line.split()
    assert message in refused(capsys, "train", recipe, "--data", "good.npy", *options)
    assert [path.name for path in Path().iterdir()] == ["good.npy"]


WITHOUT_DATA = '{"format": 1, "recipe": "gan", "options": {}, "data": {}, "training": {}, "resumable": true}'


@pytest.mark.parametrize("command", ["resume", "sample", "show", "report", "evaluate", "diagnose", "classify"])
@pytest.mark.parametrize("text", ["", "[1]", '{"format": 9}', '{"format": 1}', WITHOUT_DATA, None])
def test_what_is_no_run(capsys: pytest.CaptureFixture[str], command: str, text: str | None) -> None:
    Path("run").mkdir()
    if text is not None:
        Path("run", "plan.json").write_text(text)
    assert "run" in refused(capsys, command, "run")
    assert refused(capsys, command, "x" * 300)
