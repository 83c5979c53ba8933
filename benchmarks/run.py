"""`make bench`: ratios, both sides in one run, interleaved; medians with their spread, never bare times."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from benchmarks.figures import Figure, bars, markdown, table
from benchmarks.machine import machine
from benchmarks.profile import BEFORE, CALLS, profiles
from benchmarks.profile import table as profile_table

MEASUREMENTS = ("domain", "footprint", "callbacks", "calls", "renewals", "growth", "lists", "overload")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds of less, in a few minutes")
    parser.add_argument("--markdown", action="store_true", help="print the table as docs/performance.md has it")
    parser.add_argument("only", nargs="*", help=f"some of: {', '.join(MEASUREMENTS)}")
    chosen = parser.parse_args()
    if unknown := set(chosen.only) - set(MEASUREMENTS):
        parser.error(f"there is no measurement {', '.join(sorted(unknown))}")
    console = Console(width=None if sys.stdout.isatty() else 130, highlight=False)
    started = time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - started:4.0f} s  {line}", style="dim")

    figures: list[Figure] = []
    with machine(quick=chosen.quick, say=say) as place:
        for name in chosen.only or MEASUREMENTS:
            found = asyncio.run(importlib.import_module(f"benchmarks.{name}").measure(place))
            for figure in found:
                say(" ".join(figure.row))
            figures += found
        profiled = {} if chosen.quick or chosen.only else asyncio.run(profiles(place, CALLS))
    _print(console, figures)
    if profiled:
        console.print(profile_table({"before, on record": BEFORE, "now": profiled["callback"]}))
        console.print(profile_table(profiled))
    if chosen.markdown:
        print(markdown(figures))
    return 0


def _print(console: Console, figures: Sequence[Figure]) -> None:
    console.print(table(figures))
    console.print("how each stands to its goal, which is the line; longer is better", style="dim")
    console.print(bars(figures), markup=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
