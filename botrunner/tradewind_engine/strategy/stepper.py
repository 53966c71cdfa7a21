"""A document's state, moved on by one candle at a time: what a running bot keeps between closes.

`fold(step)` over candles is `evaluate` over them, to the last bit, so a bot decides what its back-test decided. A step costs
a few microseconds a node, whatever the lookback, and needs neither numba nor the candles that went by.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from tradewind_api.document.model import TIMEFRAME_MS, StrategyDocument
from tradewind_api.document.validation import evaluation_order, timeframe_of
from tradewind_api.operations import OPERATIONS, PRICES
from tradewind_engine.candles import Booleans, Candles, Floats
from tradewind_engine.operations import STEP
from tradewind_engine.strategy.evaluate import Signals, keywords_of, names_of

Values = list[Any]
Row = tuple[int, float, float, float, float, float]  # ts, open, high, low, close, volume

ENTRY, LEAVE = "(enter)", "(leave)"  # no reference can be these


class Said(NamedTuple):
    """What was said at n closes, shapes (n, how many): numbers, and answers, of which the first two say to enter and leave."""

    numbers: Floats
    answers: Booleans


@dataclass(slots=True)
class _Timeframe:
    """The nodes of one timeframe; of a longer one also its candle in the making, which counts once it is known whole."""

    length: int
    prices: int  # place of its first price among the values
    nodes: list[Callable[[int], None]] = field(default_factory=list)
    opened: int = -1
    whole: bool = False
    row: list[float] = field(default_factory=list)
    volumes: list[float] = field(default_factory=list)

    def end(self) -> int:
        """Return when its candle in the making closes."""
        return self.opened + self.length


class Stepper:
    """A valid document after the candles so far; `step` takes the next closed one in."""

    def __init__(self, document: StrategyDocument) -> None:
        self._own = TIMEFRAME_MS[document.timeframe]
        self._values: Values = []
        self._places: dict[str, int] = {}
        self._timeframes: dict[int, _Timeframe] = {}
        for node in evaluation_order(document):
            self._add(node, TIMEFRAME_MS[timeframe_of(node, document)])
        own = self._timeframe(self._own)
        self._longer = [part for length, part in sorted(self._timeframes.items(), reverse=True) if length != self._own]
        self._nodes, self._prices = own.nodes, slice(own.prices, own.prices + len(PRICES))
        self._names = {name: own.prices + number for number, name in enumerate(PRICES)} | self._places
        self._entry = self._names[document.entry.when]
        self._exit = self._names[document.exit.when] if document.exit else self._constant(value=False)
        answering = {name for node in document.nodes if OPERATIONS[node.op].output == "boolean" for name in names_of(node)}
        self._numbers = {name: place for name, place in self._names.items() if name not in answering}
        self._answers = {ENTRY: self._entry, LEAVE: self._exit} | {name: self._names[name] for name in answering}

    def step(self, ts: int, *prices: float) -> tuple[bool, bool]:
        """Take the next closed candle in: open time, open, high, low, close, volume. Return whether to enter and to leave."""
        if self._longer:
            self._merge(ts, prices)
        values = self._values
        values[self._prices] = prices
        for node in self._nodes:
            node(ts)
        return values[self._entry], values[self._exit]

    def feed(self, candles: Candles) -> Signals:
        """Take several in, and return what was said at each, as `evaluate` does."""
        return self.signals(self.rows(candles))

    def rows(self, candles: Candles) -> Said:
        """Take several in, and return what was said at each, a row each."""
        values, numbers, answers = self._values, itemgetter(*self._numbers.values()), itemgetter(*self._answers.values())
        found = []
        for row in zip(*(column.tolist() for column in candles.columns()), strict=True):
            self.step(*row)
            found.append((numbers(values), answers(values)))
        first, second = zip(*found, strict=True) if found else ((), ())
        return Said(
            np.array(first, dtype=np.float64).reshape(-1, len(self._numbers)),
            np.array(second, dtype=np.bool_).reshape(-1, len(self._answers)),
        )

    def signals(self, said: Said) -> Signals:
        """Return rows as series."""
        series: dict[str, Any] = dict(zip(self._numbers, said.numbers.T, strict=True))
        series |= zip(self._answers, said.answers.T, strict=True)
        entry, leave = series.pop(ENTRY), series.pop(LEAVE)
        return Signals(entry, leave, {name: series[name] for name in self._names})

    def nodes(self) -> dict[str, float | bool | None]:
        """Return the newest value of each node by reference; None is unknown."""
        found = {name: self._values[place] for name, place in self._places.items()}
        return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in found.items()}

    def _timeframe(self, length: int) -> _Timeframe:
        if length not in self._timeframes:
            self._timeframes[length] = _Timeframe(length, len(self._values))
            self._values += [math.nan] * len(PRICES)
        return self._timeframes[length]

    def _constant(self, value: float | bool) -> int:
        self._values.append(value)
        return len(self._values) - 1

    def _add(self, node: Any, length: int) -> None:
        operation, keywords, timeframe = OPERATIONS[node.op], keywords_of(node), self._timeframe(length)
        places = [timeframe.prices + PRICES.index(name) if name in PRICES else self._places[name] for name in node.inputs]
        if operation.optional_inputs and "value" in keywords:
            places.append(self._constant(float(keywords.pop("value"))))
        unknown = False if operation.output == "boolean" else math.nan
        outputs = [self._constant(unknown) for _ in names_of(node)]
        self._places |= zip(names_of(node), outputs, strict=True)
        function = STEP[node.op](**keywords)
        timeframe.nodes.append(_moved(self._values, function, places, outputs, clock=operation.clock))

    def _merge(self, ts: int, prices: tuple[float, ...]) -> None:
        """Let the newest candle be part of longer ones, and take those in that have closed, in the order of their ends."""
        late = [part for part in self._longer if part.opened >= 0 and ts >= part.end()]
        for part in sorted(late, key=_Timeframe.end):  # longer ones first where they end together
            self._close(part)
        for part in self._longer:
            opened = ts - ts % part.length
            if part.opened != opened:
                part.whole = part.whole or opened == ts
                part.opened, part.row, part.volumes = opened, list(prices[:4]), [prices[4]]
            else:
                part.row[1], part.row[2] = max(part.row[1], prices[1]), min(part.row[2], prices[2])
                part.row[3] = prices[3]
                part.volumes.append(prices[4])
            if ts + self._own == part.end():
                self._close(part)

    def _close(self, part: _Timeframe) -> None:
        """Take a longer candle in; the first one counts only if it was seen from its opening on."""
        opened, part.opened = part.opened, -1
        if not part.whole:
            part.whole = True
            return
        volume = float(np.add.reduce(part.volumes))  # in numpy's order of additions, as `resampling` has it
        self._values[part.prices : part.prices + len(PRICES)] = [*part.row, volume]
        for node in part.nodes:
            node(opened)


def _moved(
    values: Values, function: Callable[..., Any], places: list[int], outputs: list[int], *, clock: bool
) -> Callable[[int], None]:
    """Return what moves one node on: it reads its inputs' values and writes its own."""
    first = outputs[0]
    several = slice(first, first + len(outputs))

    def by_time(ts: int) -> None:
        values[first] = function(ts)

    def from_one(_: int) -> None:
        values[first] = function(values[place])

    def from_more(_: int) -> None:
        values[first] = function(*inputs(values))

    def several_from_one(_: int) -> None:
        values[several] = function(values[place])

    def several_from_more(_: int) -> None:
        values[several] = function(*inputs(values))

    if clock:
        return by_time
    place, inputs = places[0], itemgetter(*places)
    if len(places) == 1:
        return from_one if len(outputs) == 1 else several_from_one
    return from_more if len(outputs) == 1 else several_from_more
