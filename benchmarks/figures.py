"""What was measured, as a table and as bars."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence

from attrs import frozen
from rich.table import Table

BAR = 40


@frozen(kw_only=True)
class Figure:
    """One ratio, by round, and what it should be.

    Args:
        what: the two sides.
        rounds: the ratio in each round.
        goal: None where the figure is for information.
        at_most: whether less is better.
        unit: of a figure that is no ratio.
        cores: how many the goal supposes; it is not judged on fewer.
    """

    what: str
    rounds: Sequence[float]
    goal: float | None = None
    at_most: bool = False
    unit: str = ""
    cores: int = 1

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def shown_goal(self) -> str:
        return "" if self.goal is None else f"{'≤' if self.at_most else '≥'} {self.goal:g}{self.unit}"

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        if (os.cpu_count() or 1) < self.cores:
            return f"needs {self.cores} cores"
        met = self.median <= self.goal if self.at_most else self.median >= self.goal
        return "met" if met else "not met"

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        spread = f"{min(self.rounds):.2f} to {max(self.rounds):.2f}"
        return self.what, f"{self.median:.2f}{self.unit}", spread, self.shown_goal, self.verdict


def table(figures: Sequence[Figure]) -> Table:
    """The table for a terminal."""
    made = Table("what", "median", "spread", "goal", "", title=f"{os.cpu_count()} cores", header_style="bold")
    for figure in figures:
        made.add_row(*figure.row)
    return made


def markdown(figures: Sequence[Figure]) -> str:
    """The table for the documentation."""
    lines = ["| what | median | spread | goal | |", "| --- | --- | --- | --- | --- |"]
    return "\n".join(lines + [f"| {' | '.join(figure.row)} |" for figure in figures])


def bars(figures: Sequence[Figure]) -> str:
    """How each figure stands to its goal: the mark is the goal, a longer bar is better."""
    judged = [figure for figure in figures if figure.goal]
    width = max((len(figure.what) for figure in judged), default=0)
    lines = []
    for figure in judged:
        goal = figure.goal or 1
        share = goal / (figure.median or goal / 2) if figure.at_most else figure.median / goal
        filled = round(min(share, 2) * BAR / 2)
        bar = "".join("│" if place == BAR // 2 else "█" if place < filled else " " for place in range(BAR + 1))
        lines.append(f"{figure.what:<{width}} {bar} {share:5.2f}")
    return "\n".join(lines)
