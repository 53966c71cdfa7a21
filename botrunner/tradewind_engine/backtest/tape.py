"""Documents of averages, crossings, comparisons and logic, played a tile at a time by one compiled loop: signals, no series.

Half of a short run is memory: a node's series is written, and read again by the next node. Here it stays in a processor's first
caches. What a node says depends on its window alone, so a tile with as many candles before it as one decision needs says what
whole series say, to the last bit; a test holds it to that. Documents with anything else are evaluated node by node.
"""

from typing import Any, NamedTuple

import numpy as np

from tradewind_api.document.model import Node, StrategyDocument
from tradewind_api.document.validation import evaluation_order, lookback_of
from tradewind_api.operations import PRICES
from tradewind_engine.backtest.compiled import crosses, mean
from tradewind_engine.backtest.loading import loop
from tradewind_engine.candles import Booleans, Candles, Floats, Integers
from tradewind_engine.operations import window_loops
from tradewind_engine.strategy.evaluate import keywords_of, said_of

TILE = 1024  # candles, at least; longer than what is looked back at, or most of the work would be on that
PRICE, CONSTANT, MEAN, CROSSES, ABOVE, ALL, ANY, NOT = range(8)
CODES = {"sma": MEAN, "crosses_above": CROSSES, "crosses_below": CROSSES, "above": ABOVE, "below": ABOVE}
CODES |= {"all": ALL, "any": ANY, "not": NOT}
TURNED = frozenset({"crosses_below", "below"})  # the same with its inputs in the other order
MOST_KEPT = 64  # documents
_KEPT: dict[Any, "Tape | None"] = {}


class Tape(NamedTuple):
    """Steps (code, slot filled, slots read) with a number each; prices by name; candles looked back at; slots of signals."""

    steps: Integers
    numbers: Floats
    prices: tuple[str, ...]
    back: int
    longest: int
    slots: int
    entry: int
    exit: int


@loop
def _play(prices, steps, numbers, back, slots, rows, ends, entry, exit_):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, C901, PLR0912 - numba compiles one flat loop
    """Fill entry and exit, shape (n,); `ends` are the slots that hold them, `slots` and `rows` are room."""
    n = entry.size
    tile = slots.shape[1] - back
    for start in range(0, n, tile):
        stop = min(start + tile, n)
        begin = max(0, start - back)
        size = stop - begin
        for k in range(steps.shape[0]):
            code, number = steps[k, 0], numbers[k]
            out, first, second = slots[steps[k, 1]][:size], slots[steps[k, 2]][:size], slots[steps[k, 3]][:size]
            if code == PRICE:
                price = prices[int(number)][begin:stop]
                for i in range(size):
                    out[i] = price[i]
            elif code == CONSTANT:
                for i in range(size):
                    out[i] = number
            elif code == MEAN:
                mean(first, int(number), number, out, rows)
            elif code == CROSSES:
                crosses(first, second, out)
            elif code == ABOVE:
                for i in range(size):
                    out[i] = first[i] > second[i]
            elif code == ALL:
                for i in range(size):
                    out[i] = min(first[i], second[i])
            elif code == ANY:
                for i in range(size):
                    out[i] = max(first[i], second[i])
            else:
                for i in range(size):
                    out[i] = 1.0 - first[i]
        enters, leaves = slots[ends[0]][start - begin : size], slots[ends[1]][start - begin : size]
        enter, leave = entry[start:stop], exit_[start:stop]
        for i in range(enter.size):
            enter[i] = enters[i] != 0.0
            leave[i] = leaves[i] != 0.0


def play(tape: Tape, candles: Candles) -> tuple[Booleans, Booleans]:
    """Return what a document says at the close of each candle, entry and exit, shape (n,) each."""
    tile = max(TILE, 2 * tape.back)
    slots, rows = np.empty((tape.slots, tape.back + tile)), window_loops.room(2, tape.longest)
    entry, exit_ = np.empty(len(candles), np.bool_), np.empty(len(candles), np.bool_)
    lent = [_lent(getattr(candles, name)) for name in tape.prices]
    prices = (*lent, *lent[:1] * (len(PRICES) - len(lent)))  # always as many, or each number of them would be compiled anew
    _play(prices, tape.steps, tape.numbers, tape.back, slots, rows, (tape.entry, tape.exit), entry, exit_)
    return entry, exit_


def _lent(price: Floats) -> Floats:
    """Return a column of which nothing is written: all of one kind, as a compiled loop wants those it chooses from."""
    found = np.ascontiguousarray(price, np.float64).view()
    found.flags.writeable = False
    return found


def tape_of(document: StrategyDocument) -> Tape | None:
    """Return the tape of a document, None if it has other nodes than those of CODES; kept by what its nodes and signals say."""
    said = document.entry.when, document.exit and document.exit.when, said_of(document)
    if said not in _KEPT:
        if len(_KEPT) >= MOST_KEPT:
            _KEPT.clear()
        _KEPT[said] = _written(document)
    return _KEPT[said]


def _written(document: StrategyDocument) -> Tape | None:
    if document.exit is None or any(node.op not in CODES or node.timeframe for node in document.nodes):
        return None
    writer = _Writer()
    for node in evaluation_order(document):
        writer.add(node)
    entry, exit_ = writer.slot(document.entry.when), writer.slot(document.exit.when)
    steps, numbers = np.array([step for step, _ in writer.steps]), np.array([number for _, number in writer.steps])
    longest = max(int(number) if step[0] == MEAN else 1 for step, number in writer.steps)
    return Tape(steps, numbers, tuple(writer.prices), lookback_of(document) - 1, longest, writer.count, entry, exit_)


class _Writer:
    """Puts down the steps of nodes, each after its inputs."""

    def __init__(self) -> None:
        self.steps: list[tuple[tuple[int, int, int, int], float]] = []
        self.prices: list[str] = []
        self.count = 0
        self._slots: dict[str, int] = {}

    def slot(self, reference: str) -> int:
        """Return where a series stands; a price is put there when first asked for."""
        if reference not in self._slots:
            self._slots[reference] = self._step(PRICE, (0, 0), float(len(self.prices)))
            self.prices.append(reference)
        return self._slots[reference]

    def add(self, node: Node) -> None:
        """Put down a node."""
        keywords, inputs = keywords_of(node), [self.slot(reference) for reference in node.inputs]
        if CODES[node.op] in {CROSSES, ABOVE} and len(inputs) == 1:
            inputs.append(self._step(CONSTANT, (0, 0), float(keywords["value"])))
        if node.op in TURNED:
            inputs.reverse()
        found = inputs[0]
        for other in inputs[1:] or inputs:  # those of `all` and `any` one after the other; one alone with itself
            found = self._step(CODES[node.op], (found, other), float(keywords.get("period", 0)))
        self._slots[node.id] = found

    def _step(self, code: int, inputs: tuple[int, int], number: float) -> int:
        self.steps.append(((code, self.count, *inputs), number))
        self.count += 1
        return self.count - 1
