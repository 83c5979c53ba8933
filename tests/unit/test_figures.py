"""What `make bench` makes of its measurements."""

from __future__ import annotations

import os

import pytest
from benchmarks.figures import Figure, bars, markdown


@pytest.mark.parametrize(
    ("rounds", "at_most", "verdict"),
    [
        ([0.5, 0.6, 9.0], False, "met"),
        ([0.5, 0.59, 9.0], False, "not met"),
        ([0.5, 0.6, 9.0], True, "met"),
        ([0.5, 0.61, 9.0], True, "not met"),
    ],
)
def test_the_median_is_held_against_the_goal(rounds: list[float], at_most: bool, verdict: str) -> None:
    assert Figure(what="a / b", rounds=rounds, goal=0.6, at_most=at_most).verdict == verdict


def test_a_goal_for_more_cores_is_not_judged_on_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert Figure(what="a / b", rounds=[0.1], goal=1.6, cores=4).verdict == "needs 4 cores"
    assert Figure(what="a / b", rounds=[0.1], goal=1.6, cores=2).verdict == "not met"


def test_figures_without_a_goal_are_shown_and_not_judged() -> None:
    figures = [Figure(what="a / b", rounds=[1.0, 3.0, 2.0]), Figure(what="c", rounds=[9.0], goal=10, unit=" ms")]
    assert markdown(figures).splitlines()[2:] == [
        "| a / b | 2.00 | 1.00 to 3.00 |  |  |",
        "| c | 9.00 ms | 9.00 to 9.00 | ≥ 10 ms | not met |",
    ]
    assert [line.split()[0] for line in bars(figures).splitlines()] == ["c"]


def test_a_bar_reaches_its_line_where_the_goal_is_just_met() -> None:
    (met, half) = bars(
        [Figure(what="m", rounds=[2.0], goal=2), Figure(what="h", rounds=[4.0], goal=2, at_most=True)]
    ).splitlines()
    assert met == "m " + "█" * 20 + "│" + " " * 20 + "  1.00"
    assert half == "h " + "█" * 10 + " " * 10 + "│" + " " * 20 + "  0.50"
