"""Which imports serve a range of candles, and what none of them has.

An import covers the time from its first candle to the end of its last; candles missing inside are what the market did. Where
imports overlap, the newest wins. Candles of a longer timeframe are made of shorter ones only where nothing else covers.
"""

from dataclasses import dataclass

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Import:
    """What is known of one import: [from_ms, to_ms) in candles of `step_ms`."""

    digest: str
    step_ms: int
    from_ms: int
    to_ms: int
    imported_ms: int


@dataclass(frozen=True, slots=True)
class Cut:
    """The part [from_ms, to_ms) of one import."""

    digest: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Cuts in order of time, all of `step_ms`, and what is missing."""

    step_ms: int
    cuts: tuple[Cut, ...]
    missing: tuple[Interval, ...]


def aligned(value_ms: int, step_ms: int) -> int:
    """Return the first open time of a candle at or after `value_ms`."""
    return -(-value_ms // step_ms) * step_ms


def plan_range(imports: list[Import], step_ms: int, from_ms: int, to_ms: int) -> Plan:
    """Return how to serve [from_ms, to_ms) in candles of `step_ms`; both ends must be aligned to it.

    The exact timeframe is tried first, then longer before shorter ones that divide it. If none has everything, the plan with
    the least missing is returned.
    """
    steps = sorted({item.step_ms for item in imports if step_ms % item.step_ms == 0}, reverse=True)
    plans = [_stitch([item for item in imports if item.step_ms == step], step, from_ms, to_ms) for step in steps]
    nothing = Plan(step_ms, (), ((from_ms, to_ms),))
    return min(plans, key=lambda plan: sum(end - start for start, end in plan.missing), default=nothing)


def _stitch(imports: list[Import], step_ms: int, from_ms: int, to_ms: int) -> Plan:
    open_parts: list[Interval] = [(from_ms, to_ms)]
    cuts: list[Cut] = []
    for item in sorted(imports, key=lambda item: (item.imported_ms, item.digest), reverse=True):
        left: list[Interval] = []
        for start, end in open_parts:
            low, high = max(start, item.from_ms), min(end, item.to_ms)
            if low >= high:
                left.append((start, end))
                continue
            cuts.append(Cut(item.digest, low, high))
            left += [part for part in ((start, low), (high, end)) if part[0] < part[1]]
        open_parts = left
    return Plan(step_ms, tuple(sorted(cuts, key=lambda cut: cut.from_ms)), tuple(sorted(open_parts)))
