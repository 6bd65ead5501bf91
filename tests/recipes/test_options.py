"""The options of every recipe: documented, in range, told apart, checked, and the same again from plan.json."""

import inspect
import json
import math
from dataclasses import fields, replace
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
import torch

import zerosum
from zerosum import api, recipes
from zerosum.data import DataOptions
from zerosum.errors import UserError
from zerosum.recipes.groups import Networks, Play, Rivalry, Tricks
from zerosum.recipes.options import (
    PRESETS,
    RESOLUTION,
    SUITED,
    Opt,
    Option,
    build,
    check,
    options,
    presets,
    spelled,
    suited,
)
from zerosum.runs.setup import CADENCE, settle, weights_digest
from zerosum.spaces import Images, Points

SPACES = {
    "images": Images((1, 16, 16), classes=("a", "b", "c")),
    "points": Points((2,), extent=2.0),
}
LABELS = ("cgan", "acgan", "projection", "sgan", "biggan")
IMAGES = (
    *("dcgan", "cyclegan", "progan", "stylegan", "stylegan2", "stylegan3"),
    *("sagan", "biggan", "lapgan", "vitgan", "transgan"),
)
TAKES = {
    name: [kind for kind in SPACES if (kind == "images" or name not in (*IMAGES, *LABELS))] for name in recipes.names()
}
EVERY = [(name, kind) for name, kinds in TAKES.items() for kind in kinds]
every_recipe = pytest.mark.parametrize("name", recipes.names())
every_use = pytest.mark.parametrize(("name", "kind"), EVERY)
SMALL = {"width": 4, "batch_size": 8}
IMPOSSIBLE = {
    "label_smoothing": (
        "wgan",
        "wgan-gp",
        "sngan",
        "r3gan",
        "cgan",
        "acgan",
        "projection",
        "infogan",
        "progan",
        "stylegan",
        "stylegan2",
        "stylegan3",
        "sagan",
        "biggan",
        "vitgan",
        "transgan",
    ),
    "augment_target": (
        *("wgan", "wgan-gp", "r3gan", "cgan", "acgan", "infogan"),
        *("progan", "stylegan", "stylegan2", "stylegan3", "vitgan", "transgan"),
    ),
    "unrolled": ("wgan",),
    "pac": ("cgan", "acgan", "projection", "biggan"),
    "latent_size": ("biggan",),  # too few for its parts
    "preset": ("sagan", "biggan"),  # they attend at heights that 16 x 16 has not
    "window": ("transgan",),  # they are too narrow
    "augment_policy": ("transgan",),  # it varies everything, which shows with ADA
}
"""Tricks and the recipes that cannot have them."""


def all_options() -> list[tuple[str, str]]:
    return [(name, option) for name in recipes.names() for option in options(recipes.recipe(name))]


@every_recipe
def test_every_option_is_typed_documented_and_in_its_range(name):
    found = options(recipes.recipe(name))
    assert found.keys() >= {field.name for field in fields(Play)}
    for option in found.values():
        assert option.help.strip().endswith("."), option.name
        assert "\n" not in option.help
        check(option, option.default)


@every_recipe
def test_every_keyword_is_an_option_or_a_group_of_options(name):
    function = recipes.recipe(name)
    found = options(function)
    for keyword, parameter in list(inspect.signature(function).parameters.items())[1:]:
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        assert keyword in found or isinstance(parameter.default, Play | Networks | Rivalry | Tricks), keyword


@every_recipe
def test_every_recipe_says_where_it_comes_from(name):
    function = recipes.recipe(name)
    (year,) = {word.strip("().,")[:4] for word in recipes.names()[name].split()[-1:]}
    assert year.isdigit()
    assert year in (function.__doc__ or "")


@every_recipe
def test_defaults_for_some_kinds_of_samples_are_options_in_their_range(name):
    recipe = recipes.recipe(name)
    for kind, values in SUITED.get(recipe, {}).items():
        assert kind in SPACES
        found = options(recipe, kind)
        for option, value in values.items():
            assert found[option].default == value
            check(found[option], value)


def test_names_are_never_used_twice():
    """They share one command line and one call."""
    data = {field.name for field in fields(DataOptions)}
    taken = {name for call in (api.train, api.resume) for name in inspect.signature(call).parameters}
    taken |= {"dry_run", "run", "help"}
    taken -= {"options", "length_samples"}
    for name in recipes.names():
        own = set(options(recipes.recipe(name)))
        assert not own & data
        assert not own & taken
    assert not data & taken


def name_of_a_preset(option: Option) -> str:
    """The last that its help names."""
    return option.help.rstrip(".").rpartition(" ")[2]


def other(option: Option) -> Any:
    """A value that is allowed and not the default."""
    kind = option.type
    kinds = [k for k in get_args(kind) if k is not type(None)] if type(None) in get_args(kind) else [kind]
    if option.name in CADENCE:
        return 5000
    if option.name == "preset":
        return name_of_a_preset(option)
    if option.name == "critic_steps":
        return "2, 1@1000"
    if option.name == "depths":
        return "1, 0"
    if option.name == "attention":
        return 8  # the only height inside networks for 16 x 16
    if option.name == "order":
        return "generator-first, simultaneous@1000"
    if get_origin(kinds[0]) is Literal:
        return next(value for value in get_args(kinds[0]) if value not in (option.default, "auto"))
    if get_origin(kinds[0]) is tuple:
        return [0.25, 0.75]
    if kinds[0] is bool:
        return not option.default
    if kinds[0] is int:
        return next(n for n in (2, 3) if n != option.default)
    return next(n for n in (0.25, 0.125, 2.0) if n != option.default and option.low <= n <= option.high)


@pytest.mark.parametrize(("name", "option"), all_options())
def test_every_option_can_be_given_and_is_put_on_record(name, option):
    """Both in the plan and in what a resumed run is compared with, unless it shapes only when things are written."""
    kind = "images" if option.startswith("augment") else TAKES[name][-1]
    usual = options(recipes.recipe(name), kind)[option].default
    value = "mlp" if option == "network" else other(options(recipes.recipe(name), kind)[option])
    data = {"images": "digits", "points": "ring"}[kind] if name != "cyclegan" else "glyphs:sans-serif"
    common = {"resolution": "16"} if kind == "images" else {}
    common |= {"width": 4} if option not in ("width", "network") else {}
    plain, changed = (settle(name, data, common | {option: given}) for given in (usual, value))
    if name in IMPOSSIBLE.get(option, ()):
        with pytest.raises(UserError):
            changed.plan()
        return
    before, after = plain.plan(), changed.plan()
    assert json.loads(json.dumps(changed.options(after)))[option] == value
    assert (changed.identity(after) == plain.identity(before)) == (option in CADENCE or value == usual)


@every_use
def test_a_plan_is_built_again_from_what_is_written_down(name, kind):
    function, space = recipes.recipe(name), SPACES[kind]
    given = {key: value for key, value in SMALL.items() if key in options(function)} | {"betas": (0.25, 0.5)}
    written = {key: given.get(key, option.default) for key, option in options(function, kind).items()}
    torch.manual_seed(0)
    first = build(function, space, given)
    torch.manual_seed(0)
    again = build(function, space, json.loads(json.dumps(written)))
    assert weights_digest(again.game) == weights_digest(first.game)
    for a, b in zip(first.game.networks.values(), again.game.networks.values(), strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    for player in first.game.players:
        assert first.game.players[player].optimizer == again.game.players[player].optimizer
        assert first.game.players[player].optimizer.betas[1] <= 0.5**0.5
    numbers = ("batch_size", "ema_half_life_samples", "learning_rate", "order", *CADENCE)
    assert [getattr(first, number) for number in numbers] == [getattr(again, number) for number in numbers]


@every_recipe
def test_an_unknown_option_is_refused_with_the_nearest(name):
    with pytest.raises(UserError, match=r"Unknown option 'bach_size'\. Did you mean 'batch_size'\? Allowed: "):
        build(recipes.recipe(name), SPACES["images"], {"bach_size": 8})


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("batch_size", 0, "out of range: 1 to 65536"),
        ("batch_size", 8.0, "takes a whole number"),
        ("batch_size", "8", "takes a whole number"),
        ("batch_size", True, "takes a whole number"),
        ("batch_size", None, "takes a whole number"),
        ("length_samples", -1, "out of range"),
        ("lr", "fast", "takes a number"),
        ("lr", -1e-3, "out of range: 0 to 10"),
        ("lr", math.nan, "takes a number"),
        ("lr", math.inf, "must be finite"),
        ("betas", (0.5,), "takes 2 numbers"),
        ("betas", 0.5, "takes 2 numbers"),
        ("betas", (0.5, 1.5), "out of range: -1 to 1"),
        ("betas", (0.5, "x"), "takes 2 numbers"),
        ("optimizer", "adagrad", "takes one of adam, adamw, rmsprop, sgd, momentum"),
        ("ema_half_life_samples", -5, "out of range: at least 0"),
        ("ema_half_life_samples", math.inf, "must be finite"),
        ("width", 10**400, "out of range: 1 to 4096"),
        ("width", 0, "out of range: 1 to 4096"),
        ("width", 2.5, "takes a whole number or nothing"),
        ("critic_lr", "x", "takes a number or nothing"),
        ("critic_steps", 5, "takes text"),
    ],
)
def test_a_value_that_cannot_be_is_refused(option, value, message):
    with pytest.raises(UserError, match=message) as error:
        build(recipes.recipe("gan"), SPACES["points"], {option: value})
    assert str(error.value).startswith(f"{option} = {value!r} is ")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("critic_steps", "0", "whole numbers from 1 to 1000"),
        ("critic_steps", "5@", "Cannot read the schedule"),
        ("critic_steps", "5, 1", "Cannot read the schedule"),
        ("order", "critic-frist", "Did you mean 'critic-first'"),
    ],
)
def test_schedules_are_checked_when_the_plan_is_built(option, value, message):
    with pytest.raises(UserError, match=message):
        build(recipes.recipe("gan"), SPACES["points"], {option: value})


def test_an_unknown_recipe_is_refused_with_the_nearest():
    with pytest.raises(UserError, match=r"Unknown recipe 'wgan_gp'\. Did you mean 'wgan-gp'\?"):
        recipes.recipe("wgan_gp")


def test_one_domain_is_too_few_to_translate_and_nothing_is_written(tmp_path):
    with pytest.raises(UserError, match="cyclegan translates between two domains, and the data have one"):
        zerosum.train("cyclegan", data="digits", resolution="16", out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_recipe_on_samples_it_cannot_have_says_so():
    with pytest.raises(UserError, match="cyclegan translates images"):
        build(recipes.recipe("cyclegan"), SPACES["points"], {})
    for name in LABELS:
        with pytest.raises(UserError, match="needs labels, and the data has none"):
            build(recipes.recipe(name), replace(SPACES["images"], classes=()), {})
    with pytest.raises(UserError, match="Network 'dcgan' is for images"):
        build(recipes.recipe("dcgan"), SPACES["points"], {})


def test_defaults_that_suit_a_kind_give_way_to_what_is_given():
    @suited(points={"lr": 0.5, "flavour": 3})
    def mine(space, *, flavour: Annotated[int, Opt("Of it.", 0, 9)] = 1, play: Play = Play()):
        seen.append((flavour, play.lr))
        return play.plan(build(recipes.recipe("gan"), space, {}).game)

    seen: list[tuple[int, float]] = []
    for kind, given in (("points", {}), ("points", {"lr": 0.25}), ("images", {})):
        build(mine, SPACES[kind], given)
    assert seen == [(3, 0.5), (3, 0.25), (1, 2e-4)]
    assert options(mine, "points")["lr"].default == 0.5
    assert options(mine)["lr"].default == 2e-4
    del SUITED[mine]


@pytest.mark.parametrize("name", [name for name in recipes.names() if recipes.recipe(name) in PRESETS])
def test_presets_set_options_in_their_range(name):
    recipe = recipes.recipe(name)
    found = options(recipe)
    for values in PRESETS[recipe].values():
        assert int(values[RESOLUTION]) in (32, 64, 128, 256, 512, 1024)
        for option in values.keys() - {RESOLUTION}:
            check(found[option], values[option])


def test_a_preset_gives_way_to_what_is_given():
    @presets(large={"lr": 0.5, "flavour": 3})
    def mine(space, *, flavour: Annotated[int, Opt("Of it.", 0, 9)] = 1, play: Play = Play()):
        seen.append((flavour, play.lr))
        return play.plan(build(recipes.recipe("gan"), space, {}).game)

    seen: list[tuple[int, float]] = []
    for given in ({"preset": "large"}, {"preset": "large", "lr": 0.25}, {"preset": None}, {}):
        build(mine, SPACES["points"], given)
    assert seen == [(3, 0.5), (3, 0.25), (1, 2e-4), (1, 2e-4)]
    with pytest.raises(UserError, match=r"Unknown preset 'larg'\. Did you mean 'large'\? Allowed: large\."):
        build(mine, SPACES["points"], {"preset": "larg"})
    del PRESETS[mine]


def test_a_preset_is_played_at_its_own_resolution_unless_another_is_given():
    small = {"preset": "cifar10", "width": 4, "patch": 4}
    assert settle("vitgan", "photos", small, progress=False).data.space.shape == (3, 32, 32)
    assert settle("vitgan", "photos", small | {"resolution": "16"}, progress=False).data.space.shape == (3, 16, 16)


def test_what_a_preset_sets_is_put_on_record():
    given = {"preset": "cifar10", "width": 4, "resolution": "16", "size_w": 8, "latent_size": 8}
    setup = settle("stylegan2", "digits", given)
    settled = setup.options(setup.plan())
    assert (settled["preset"], settled["lr"], settled["group"], settled["width"]) == ("cifar10", 2.5e-3, 32, 4)
    with pytest.raises(UserError, match=r"Unknown preset 'ffq256'\. Did you mean 'ffhq256'\?"):
        settle("stylegan2", "digits", {"preset": "ffq256"})
    with pytest.raises(UserError, match="Unknown option 'preset'"):
        settle("gan", "digits", {"preset": "ffhq256"})


def test_a_default_says_at_least_every_round_of_reports():
    """A short training still reports; a batch larger than the cadence is reported every round."""
    plan = build(recipes.recipe("gan"), SPACES["points"], {"length_samples": 20_000, "batch_size": 64})
    assert (plan.report_every_samples, plan.snapshot_every_samples, plan.checkpoint_every_samples) == (100, 1000, 2000)
    plan = build(recipes.recipe("gan"), SPACES["points"], {"length_samples": 200, "batch_size": 64})
    assert (plan.report_every_samples, plan.snapshot_every_samples, plan.checkpoint_every_samples) == (64, 64, 64)


def test_a_whole_number_may_stand_for_a_text():
    sngan = recipes.recipe("sngan")
    given = {"critic_steps": 2, "order": "simultaneous", "width": 8, "latent_size": None}
    assert spelled(sngan, given) == {**given, "critic_steps": "2"}
    build(sngan, SPACES["images"], spelled(sngan, {"critic_steps": 3}))
