import ast
import shlex

import pytest
from rich.console import Console

from zerosum.runs import summary
from zerosum.runs.commands import defaults, options, resume_command, train_call, train_command
from zerosum.runs.directory import read_plan
from zerosum.runs.state import read_state


def text_of(run) -> str:
    console = Console(width=60, highlight=False)
    with console.capture() as capture:
        console.print(summary(run), soft_wrap=True)
    return capture.get()


def test_a_summary_tells_what_how_far_and_where(make_run):
    log = [{"samples_seen": 2000, "seconds": 75, "samples_per_second": 50.0, "d_real": 0.75, "G/adversarial": None}]
    text = text_of(make_run(log=log, snapshots=(0, 2000)))
    for part in ("dcgan on digits", "2,000 of 4,000 (50%)", "1 min 15 s", "0.75", "not finite", "000002000.png"):
        assert part in text
    assert "0.5, 0.999" in text


def test_the_best_checkpoint_is_told_with_the_metric_that_tells_it(make_run):
    log = [{"samples_seen": n, "metric/kid[raw]": 0.5 / n, "metric/fd[raw]": 7.0} for n in (1, 2)]
    settled = {"settled": {"metrics": ["kid", "fd"], "best": "kid"}}
    run = make_run(log=[*log, {"samples_seen": 3, "d_real": 0.25}], evaluation={"evaluate": "auto", **settled})
    (run / "checkpoints" / "000000002").mkdir(parents=True)
    (run / "checkpoints" / "000000002" / "state.json").write_text('{"best": 2}')
    (run / "checkpoints" / "000000003").mkdir()
    text = text_of(run)
    assert "2 · kid[raw] 0.25" in text
    assert [line.split() for line in text.splitlines() if "fd[raw]" in line or "d_real" in line] == [
        ["d_real", "0.25"],
        ["metric/fd[raw]", "7"],
    ]
    assert "evaluation" in text


def test_the_command_repeats_how_to_evaluate(make_run):
    said = {"evaluate": "kid", "best": None, "patience": 4, "evaluate_every_samples": None, "evaluate_n": None}
    run = make_run(evaluation=said | {"evaluate_share": 0.05, "settled": None})
    command = train_command(read_plan(run))
    assert "--evaluate kid --patience 4" in command
    assert "--evaluate-share" not in command
    assert "patience=4" in train_call(read_plan(run))


def test_long_paths_are_not_broken(make_run):
    run = make_run("a-name-so-long-that-a-terminal-of-sixty-columns-would-have-to-break-it", snapshots=(10,))
    assert str(run / "samples" / "000000010.png") in text_of(run)


def test_an_empty_run_can_be_shown(make_run):
    assert "0 of 4,000 (0%)" in text_of(make_run())


def test_a_finished_run_is_resumed_to_a_larger_length(make_run):
    assert "--length-samples 8000" in text_of(make_run("whole", log=[{"samples_seen": 4032}]))
    assert "--length-samples" not in text_of(make_run("part", log=[{"samples_seen": 400}]))


def test_a_run_from_python_says_how_to_resume(make_run):
    assert "from Python only" in text_of(make_run(resumable=False))


def test_the_last_revision_gives_the_length(make_run):
    run = make_run(revisions=[{"samples_seen": 1, "length_samples": 5000}, {"samples_seen": 2, "length_samples": 6000}])
    assert read_state(run).length_samples == 6000


def test_progress_counts_whatever_is_on_disk(make_run):
    run = make_run(log=[{"samples_seen": 100}], snapshots=(64,))
    (run / "checkpoints" / "000000128").mkdir(parents=True)
    assert read_state(run).samples_seen == 128


def test_the_command_names_what_differs_from_the_defaults(make_run):
    plan = read_plan(make_run())
    words = shlex.split(train_command(plan))
    assert words[:5] == ["zerosum", "train", "dcgan", "--data", "digits"]
    assert words[words.index("--width") + 1] == "8"
    assert words[words.index("--seed") + 1] == "3"
    assert words[words.index("--resolution") + 1] == "16"
    assert "--no-flip" not in words
    assert "--critic-lr" not in words


def test_the_command_gives_the_options_back(make_run):
    from zerosum.cli.flags import parse
    from zerosum.cli.train_command import flag_groups

    plan = read_plan(make_run())
    words = shlex.split(train_command(plan))[2:]
    values = parse(flag_groups("dcgan"), words, command="train", description="")
    wanted = {name: tuple(value) if isinstance(value, list) else value for name, value in options(plan).items()}
    assert {name: values[name] for name in wanted} == wanted


def test_the_call_in_python_spells_out_every_option(make_run):
    plan = read_plan(make_run())
    call = ast.parse(train_call(plan)).body[-1].value
    given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert ast.literal_eval(call.args[0]) == "dcgan"
    assert given == options(plan) | {"betas": (0.5, 0.999), "data": "digits"}


def test_an_unknown_recipe_has_every_option_spelled_out(make_run):
    plan = read_plan(make_run(recipe="my-own"))
    assert "lr" not in defaults(plan)
    assert "--lr 0.0002" in train_command(plan)


@pytest.mark.parametrize("name", ["plain", "with space", "quote'd"])
def test_commands_survive_the_shell(make_run, name):
    run = make_run(name)
    assert shlex.split(resume_command(run)) == ["zerosum", "resume", str(run)]
