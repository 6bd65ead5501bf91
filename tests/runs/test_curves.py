from hypothesis import given
from hypothesis import strategies as st

from zerosum.runs.curves import charts, thin

KEYS = [
    "D/adversarial",
    "D_r1/r1",
    "G/cycle",
    "D/grad_norm",
    "d_real",
    "d_fake_B",
    "value",
    "samples_per_second",
    "x/y/z",
    "update/G",
]
VALUES = st.none() | st.floats(-1e6, 1e6)
LOGS = st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES), max_size=30).map(
    lambda lines: [{"samples_seen": float(n + 1), "seconds": 0.1 * n} | line for n, line in enumerate(lines)]
)


@given(LOGS)
def test_every_logged_key_is_drawn_exactly_once(log):
    x, found = charts(log)
    logged = {key for line in log for key in line} - {"samples_seen", "seconds"}
    assert sum(len(chart.curves) for chart in found) == len(logged)
    assert all(len(curve) == len(x) for chart in found for curve in chart.curves.values())
    assert len({chart.title for chart in found}) == len(found)


def test_settings_are_drawn_only_where_they_change():
    log = [{"samples_seen": n, "control/D/lr_scale": 1.0, "learning_rate": 1 / n} for n in (1, 2, 3)]
    assert [chart.title for chart in charts(log)[1]] == ["learning_rate"]


def test_both_beliefs_share_a_chart():
    _, found = charts([{"samples_seen": 1, "d_fake": 0.2, "d_real": 0.8}])
    assert [(chart.title, set(chart.curves)) for chart in found] == [("Belief of the critic", {"D(x)", "D(G(z))"})]


@given(st.lists(VALUES, min_size=1, max_size=200), st.integers(1, 50))
def test_thinning_keeps_the_ends_and_the_gaps(values, points):
    log = [{"samples_seen": n + 1, "a": value} for n, value in enumerate(values)]
    thinned = thin(log, points)
    assert len(thinned) <= points
    assert thinned[-1]["samples_seen"] == len(values)
    assert (None in values) == any(line["a"] is None for line in thinned)


def test_metrics_come_first_on_an_axis_of_their_own_and_leave_no_gaps_in_the_others():
    log = [{"samples_seen": n, "D/adversarial": float(n)} for n in (1, 2, 3, 4)]
    log[1] |= {"metric/kid[raw]": 0.5, "evaluation/seconds": 0.1}
    log.append({"samples_seen": 5, "metric/kid[raw]": 0.25, "evaluation/seconds": 0.1})
    x, found = charts(log, best=5)
    assert x == [1, 2, 3, 4]
    assert [(chart.title, chart.x, chart.marked) for chart in found] == [
        ("kid[raw]", [2, 5], 5),
        ("Adversarial losses", None, None),
    ]
    assert [list(chart.curves.values()) for chart in found] == [[[0.5, 0.25]], [[1.0, 2.0, 3.0, 4.0]]]


def test_signals_share_charts_on_an_axis_of_their_own_and_findings_are_no_curves():
    log = [{"samples_seen": n, "D/adversarial": float(n), "update/D": 1e-3} for n in (1, 2, 3, 4)]
    log[1] |= {"signal/auc": 0.75, "signal/coverage": 0.5, "finding/collapse": 0.9}
    log[3] |= {"signal/auc": 0.5, "signal/coverage": 0.25, "signal/precision": 1.0, "signal/of_late": 7.0}
    x, found = charts(log, best=4)
    assert x == [1, 2, 3, 4]
    assert [(chart.title, chart.x, list(chart.curves)) for chart in found] == [
        ("Adversarial losses", None, ["D/adversarial"]),
        ("Updates", None, ["D"]),
        ("Variety and closeness", [2, 4], ["coverage", "precision"]),
        ("What the critic tells apart", [2, 4], ["auc"]),
        ("of late", [2, 4], ["of late"]),
    ]
    assert found[2].curves == {"coverage": [0.5, 0.25], "precision": [None, 1.0]}


def test_the_shares_of_a_players_terms_share_a_chart():
    shares = {"signal/share/D/adversarial": 0.9, "signal/share/D/gradient_penalty": 0.1, "signal/share/G/cycle": 1.0}
    _, found = charts([{"samples_seen": 1} | shares])
    assert [(chart.title, list(chart.curves)) for chart in found] == [
        ("Gradient of D by term", ["adversarial", "gradient penalty"]),
        ("Gradient of G by term", ["cycle"]),
    ]
