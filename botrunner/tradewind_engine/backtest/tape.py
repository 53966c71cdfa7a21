"""Documents of averages, crossings, comparisons and logic, played a tile at a time by one compiled loop: signals, no series.

Half of a short run is memory: a node's series is written, and read again by the next node. Here it stays in a processor's first
caches. What a node says depends on its window alone, so a tile with as many candles before it as its windows reach says what
whole series say, to the last bit; a test holds it to that. Documents with anything else are evaluated node by node.
"""

from typing import Any, NamedTuple

import numpy as np

from tradewind_api.document.model import Node, StrategyDocument
from tradewind_api.document.validation import evaluation_order
from tradewind_api.operations import PRICES
from tradewind_engine.backtest import tape_player
from tradewind_engine.backtest.tape_player import ABOVE, ALL, ANY, CONSTANT, CROSSES, MEAN, NOT, SCALED, SOURCE, SUM
from tradewind_engine.candles import Booleans, Candles, Floats, Integers
from tradewind_engine.strategy.evaluate import keywords_of, said_of

TILE = 512  # candles, at least; longer than what is looked back at, or most of the work would be on that
LINE = 8  # numbers in a line of a processor's cache
CODES = {"sma": MEAN, "crosses_above": CROSSES, "crosses_below": CROSSES, "above": ABOVE, "below": ABOVE}
CODES |= {"all": ALL, "any": ANY, "not": NOT}
TURNED = frozenset({"crosses_below", "below"})  # the same with its inputs in the other order
MOST_KEPT = 64  # documents
_KEPT: dict[Any, "Tape | None"] = {}


class Tape(NamedTuple):
    """What is played.

    `steps` (k, 6): code, slot filled, slots read, how far ahead the second of them is read, candles that the result is of.
    `values` (k,): what a step divides by, multiplies with or says. `sources`: prices by name. `back`: candles looked back at.
    `numbers` and `answers`: how many slots there are; `entry` and `exit` are such of answers.
    """

    steps: Integers
    values: Floats
    sources: tuple[str, ...]
    back: int
    numbers: int
    answers: int
    entry: int
    exit: int


def play(tape: Tape, candles: Candles) -> tuple[Booleans, Booleans]:
    """Return what a document says at the close of each candle, entry and exit, shape (n,) each."""
    size = -(-(max(TILE, 2 * tape.back) + tape.back) // LINE) * LINE
    numbers, answers = _room(tape.numbers, size), np.empty((tape.answers, size), np.bool_)
    entry, exit_ = np.empty(len(candles), np.bool_), np.empty(len(candles), np.bool_)
    given = [_own(getattr(candles, name)) for name in tape.sources]
    given += given[:1] * (len(PRICES) - len(given))  # always as many and of one kind, or each kind would be compiled anew
    ends = tape.entry, tape.exit
    tape_player.play(*given, tape.steps, tape.values, tape.back, numbers, answers, ends, entry, exit_)
    return entry, exit_


def _room(rows: int, size: int) -> Floats:
    """Return rows that each begin with a line of the cache: a processor is slow where what it reads is in two of them."""
    room = np.empty(rows * size + LINE)
    start = -room.__array_interface__["data"][0] // room.itemsize % LINE
    return room[start : start + rows * size].reshape(rows, size)


def _own(source: Floats) -> Floats:
    whole = np.ascontiguousarray(source, np.float64)
    return whole if whole.flags.writeable else whole.copy()


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
    return writer.tape(document.entry.when, document.exit.when)


class _Writer:
    """Puts down the steps of nodes, each after its inputs."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int, int, int, int]] = []
        self.values: list[float] = []
        self.sources: list[str] = []
        self._slots: dict[Any, int] = {}
        self._counts = {"numbers": 0, "answers": 0}
        self._reach: dict[str, int] = {}

    def tape(self, entry: str, leave: str) -> Tape:
        """Return what was put down."""
        back, ends = max(self._reach[entry], self._reach[leave]), (self._slots[entry], self._slots[leave])
        return Tape(
            np.array(self.steps), np.array(self.values), tuple(self.sources), back, **self._counts, entry=ends[0], exit=ends[1]
        )

    def add(self, node: Node) -> None:
        """Put down a node."""
        code, keywords, inputs = CODES[node.op], keywords_of(node), [self._slot(reference) for reference in node.inputs]
        reach = max(self._reach[reference] for reference in node.inputs)
        if code == MEAN:
            self._reach[node.id] = reach + keywords["period"] - 1
            self._slots[node.id] = self._mean(inputs[0], keywords["period"])
            return
        if code in {CROSSES, ABOVE} and len(inputs) == 1:
            inputs.append(self._step(CONSTANT, value=float(keywords["value"])))
        if node.op in TURNED:
            inputs.reverse()
        found = inputs[0]
        for other in inputs[1:] or inputs:  # those of `all` and `any` one after the other; one alone with itself
            found = self._step(code, found, other)
        self._reach[node.id] = reach + (code == CROSSES)
        self._slots[node.id] = found

    def _slot(self, reference: str) -> int:
        """Return where a series stands; a price is put there when first asked for."""
        if reference not in self._slots:
            self._slots[reference] = self._step(SOURCE, len(self.sources))
            self._reach[reference] = 0
            self.sources.append(reference)
        return self._slots[reference]

    def _mean(self, source: int, period: int) -> int:
        """Put down a mean as `operations.windows` makes one: the windows that its period is made of, the shortest first."""
        total, covered = -1, 0
        for size in (1 << power for power in range(period.bit_length())):
            if not period & size:
                continue
            window, span = self._window(source, size), covered + size
            if span == period:
                if not covered:
                    return self._step(SCALED, window, span=span, value=1.0 / period)  # of powers of two that is exact
                return self._step(MEAN, total, window, covered, span, float(period))
            total = self._step(SUM, total, window, covered, span) if covered else window
            covered = span
        raise AssertionError("a period is a number above 0")

    def _window(self, source: int, size: int) -> int:
        """Return where the sums of `size` values stand, a power of two, from each place on."""
        if size == 1:
            return source
        if (source, size) not in self._slots:
            half = self._window(source, size // 2)
            self._slots[source, size] = self._step(SUM, half, half, size // 2, size)
        return self._slots[source, size]

    def _step(self, code: int, first: int = 0, second: int = 0, ahead: int = 0, span: int = 1, value: float = 0.0) -> int:
        kind = "answers" if code >= CROSSES else "numbers"
        slot = self._counts[kind]
        self._counts[kind] += 1
        self.steps.append((code, slot, first, second, ahead, span))
        self.values.append(value)
        return slot
