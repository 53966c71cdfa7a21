"""Curves as inline SVG: drawn once, readable without the script, stretched to whatever width there is."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

Curve = Sequence[tuple[int, float]]
WIDTH, HEIGHT = 1000, 100


@dataclass(frozen=True, slots=True)
class Line:
    """One curve: its class in the style sheet, its name in the legend, points of (UTC ms, value)."""

    css: str
    name: str
    points: Curve
    filled: bool = False


def curve_chart(
    name: str, lines: Sequence[Line], *, title: str, told: str, shown: Callable[[float], str], floor: float | None = None
) -> str:
    """Return a figure with curves over time.

    Args:
        name: Id of the figure; the script finds it by that.
        lines: Curves that share the axes.
        title: Caption.
        told: What a person who cannot see it should know.
        shown: Writes a value of the vertical axis.
        floor: Where a filled curve is filled to.
    """
    values = [value for line in lines for _, value in line.points] + ([] if floor is None else [floor])
    ticks = nice_ticks(min(values), max(values))
    low, high = min(ticks[0], *values), max(ticks[-1], *values)
    from_ms, to_ms = lines[0].points[0][0], lines[0].points[-1][0]

    def x(at_ms: int) -> float:
        return round(WIDTH * (at_ms - from_ms) / max(1, to_ms - from_ms), 1)

    def y(value: float) -> float:
        return round(HEIGHT * (high - value) / ((high - low) or 1.0), 2)

    grid = "".join(f'<line class="grid" x1="0" x2="{WIDTH}" y1="{y(tick)}" y2="{y(tick)}"/>' for tick in ticks)
    paths = "".join(_path(line, x, y, floor) for line in lines)
    labels = "".join(f'<span class="tick" style="top:{y(tick)}%">{escape(shown(tick))}</span>' for tick in ticks)
    legend = "".join(f'<span class="key {line.css}">{escape(line.name)}</span>' for line in lines) if len(lines) > 1 else ""
    return (
        f'<figure class="chart" id="{name}"><figcaption>{escape(title)} {legend}</figcaption><div class="plot">'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(told)}">{grid}{paths}</svg>'
        f'{labels}<div class="cursor" hidden></div></div><div class="times" '
        f'aria-hidden="true">{_times(from_ms, to_ms)}</div></figure>'
    )


def nice_ticks(low: float, high: float) -> list[float]:
    """Return three to six round values that span [low, high] or lie inside it.

    >>> nice_ticks(0.0, 1.0)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    spread = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(spread / 4))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= spread / 4)
    first = math.ceil(low / step - 1e-9)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)] or [low, high]


def day(at_ms: int) -> str:
    """Return the date of a time in UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d}"


def minute(at_ms: int) -> str:
    """Return date and time of day in UTC, to the minute."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"


def _path(line: Line, x: Callable[[int], float], y: Callable[[float], float], floor: float | None) -> str:
    points = "L".join(f"{x(at_ms):g},{y(value):g}" for at_ms, value in line.points)
    filled = ""
    if line.filled and floor is not None:
        first, last = x(line.points[0][0]), x(line.points[-1][0])
        filled = f'<path class="area {line.css}" d="M{first:g},{y(floor):g}L{points}L{last:g},{y(floor):g}Z"/>'
    return f'{filled}<path class="line {line.css}" d="M{points}"/>'


def _times(from_ms: int, to_ms: int) -> str:
    wanted = minute if to_ms - from_ms < 4 * 86_400_000 else day
    return "".join(f"<span>{wanted(from_ms + (to_ms - from_ms) * part // 3)}</span>" for part in range(4))
