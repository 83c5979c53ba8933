"""Charts as SVG, made here: no script, no style in attributes, a title for those who cannot see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import frozen
from markupsafe import Markup

WIDTH, HEIGHT, FOOT = 640, 180, 22


@frozen
class Part:
    """A part of a bar.

    Args:
        kind: its class in the style sheet: `good`, `bad`, `warn` or `calm`.
    """

    value: float
    kind: str


@frozen
class Bar:
    """A bar of several parts, from the foot up.

    Args:
        label: below it; empty for none.
        told: what hovering over it says.
    """

    label: str
    told: str
    parts: Sequence[Part]


def bars(title: str, shown: Sequence[Bar]) -> Markup:
    """Vertical bars, as high as their sums."""
    most = max((sum(part.value for part in bar.parts) for bar in shown), default=0) or 1
    step = WIDTH / max(len(shown), 1)
    drawn = [Markup("").join(_bar(bar, number * step, step, most)) for number, bar in enumerate(shown)]
    return _svg(title, Markup("").join(drawn))


def _bar(bar: Bar, left: float, step: float, most: float) -> list[Markup]:
    top, pieces = float(HEIGHT - FOOT), []
    for part in bar.parts:
        height = part.value / most * (HEIGHT - FOOT - 8)
        top -= height
        pieces.append(
            Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                part.kind, left + step * 0.12, top, step * 0.76, height
            )
        )
    label = Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
        left + step / 2, HEIGHT - 6, bar.label
    )
    return [Markup("<g><title>{}</title>").format(bar.told), *pieces, label, Markup("</g>")]


def line(title: str, points: Sequence[tuple[str, float, str]]) -> Markup:
    """A line over time.

    Args:
        points: label, value, and what hovering says.
    """
    most = max((value for _, value, _ in points), default=0) or 1
    step = WIDTH / max(len(points), 1)
    places = [
        (step * (number + 0.5), HEIGHT - FOOT - value / most * (HEIGHT - FOOT - 14))
        for number, (_, value, _) in enumerate(points)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = Markup("").join(
        Markup('<g><title>{}</title><circle cx="{:.1f}" cy="{:.1f}" r="4"/></g>').format(told, x, y)
        for (_, _, told), (x, y) in zip(points, places, strict=True)
    )
    labels = Markup("").join(
        Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(x, HEIGHT - 6, label)
        for (label, _, _), (x, _) in zip(points, places, strict=True)
    )
    return _svg(title, Markup('<polyline class="line" points="{}"/>').format(path) + dots + labels)


@frozen
class Stretch:
    """A stretch of time.

    Args:
        kind: its class in the style sheet.
    """

    begins: datetime
    ends: datetime
    kind: str
    told: str


def timeline(title: str, stretches: Sequence[Stretch], now: datetime, now_label: str) -> Markup:
    """Stretches of time on one line, with a mark for now."""
    if not stretches:
        return Markup("")
    first = min([now, *(one.begins for one in stretches)])
    last = max([now, *(one.ends for one in stretches)])
    whole = (last - first).total_seconds() or 1.0

    def place(moment: datetime) -> float:
        return (moment - first).total_seconds() / whole * (WIDTH - 20) + 10

    drawn = [
        Markup('<g><title>{}</title><rect class="{}" x="{:.1f}" y="28" width="{:.1f}" height="30" rx="3"/></g>').format(
            one.told, one.kind, place(one.begins), max(place(one.ends) - place(one.begins) - 1, 2)
        )
        for one in stretches
    ]
    here = place(now)
    anchor = "end" if here > WIDTH * 0.8 else "start" if here < WIDTH * 0.2 else "middle"
    mark = Markup(
        '<line class="now" x1="{0:.1f}" x2="{0:.1f}" y1="20" y2="66"/>'
        '<text x="{0:.1f}" y="14" text-anchor="{1}">{2}</text>'
    ).format(here, anchor, now_label)
    ends = Markup('<text x="10" y="84">{:%Y-%m-%d}</text><text x="{}" y="84" text-anchor="end">{:%Y-%m-%d}</text>')
    return _svg(title, Markup("").join(drawn) + mark + ends.format(first, WIDTH - 10, last), 92)


def _svg(title: str, inside: Markup, height: int = HEIGHT) -> Markup:
    return Markup(
        '<svg class="chart" role="img" viewBox="0 0 {} {}" aria-label="{}" focusable="false">{}</svg>'
    ).format(WIDTH, height, title, inside)
