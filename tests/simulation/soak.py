"""`make soak SEEDS=20000`: many seeds on all cores, with progress and a summary. Exit 1 where anything was violated.

Each seed runs twice: units of work one after the other, as on SQLite, and overtaking each other, as on PostgreSQL.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tests.simulation.run import Result, simulate

CRITICAL = 50
SHOWN = 20
"""Of how many runs the violations are printed."""


def quiet() -> None:
    """What the use cases log would drown everything else."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(CRITICAL))


def main() -> int:
    """Run, print, and say what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20_000, help="how many runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    runs = [(seed, is_optimistic) for seed in seeds for is_optimistic in (False, True)]
    results, started = Summary(), time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
               TimeRemainingColumn())  # fmt: skip
    with (
        multiprocessing.get_context("fork").Pool(chosen.jobs, initializer=quiet) as pool,
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("simulating", total=len(runs))
        for number, result in enumerate(pool.imap_unordered(_simulate, runs, chunksize=20), 1):
            results.add(result)
            if result.violations and results.violations <= SHOWN:
                way = "overtaking" if result.is_optimistic else "one by one"
                found = f"seed {result.seed}, {way}: {'; '.join(result.violations)}"
                progress.console.print(found, style="red", markup=False)
            progress.update(task, completed=number, description=f"simulating, {results.violations} violations")
            if not console.is_terminal and number % 1000 == 0:
                console.print(f"{number} of {len(runs)} runs, {results.violations} with violations")
    seconds = time.monotonic() - started
    console.print(results.table(f"seeds {seeds[0]} to {seeds[-1]}, {seconds:.0f} s on {chosen.jobs} processes"))
    return 1 if results.violations else 0


def _simulate(run: tuple[int, bool]) -> Result:
    seed, is_optimistic = run
    return simulate(seed, is_optimistic=is_optimistic)


class Summary:
    """What many runs came to."""

    def __init__(self) -> None:
        self.runs = self.steps = self.crashes = 0
        self.faults: Counter[str] = Counter()
        self.places: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.violations = 0

    def add(self, result: Result) -> None:
        """Count one run."""
        self.runs += 1
        self.steps += result.steps
        self.crashes += result.crashes
        self.faults += result.faults
        self.places += result.places
        self.events += result.events
        self.violations += bool(result.violations)

    def table(self, title: str) -> Table:
        """All of it."""
        table = Table("what", "how many", title=title, header_style="bold")
        table.add_row("runs", f"{self.runs:,}")
        table.add_row("steps before faults stop", f"{self.steps:,}")
        table.add_row("processes killed", f"{self.crashes:,}")
        table.add_row("tasks killed with them, and recovered", f"{self.places.total():,}")
        table.add_row("different places they were killed at", f"{len(self.places):,}")
        for kind, number in sorted(self.faults.items()):
            table.add_row(f"fault: {kind}", f"{number:,}")
        for name in ("OrderCompleted", "OrderCorrected", "SubscriptionRenewed", "OrderRefunded", "OrderMismatch"):
            table.add_row(f"events: {name}", f"{self.events[name]:,}")
        table.add_row("runs with violations", f"{self.violations:,}")
        return table


if __name__ == "__main__":
    sys.exit(main())
