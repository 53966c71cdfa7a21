"""Figures of many points over the same candles: each distinct node once a tile, points in parallel, memory bounded.

Points are made a stretch of them at a time, and taken tile by tile. The nodes that some points of a tile share are computed
first, each once, unless the tile before had them; those that depend on every tuned node parameter are computed where they are
used and forgotten. So memory is that of one stretch and one tile, whatever the number of points; what grows is what is asked
for, 32 bytes a point of `figures`, 328 of `score`. Threads suffice: loops of numpy and of the kernel run without the
interpreter's lock.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tradewind_api.document.model import Node, StrategyDocument
from tradewind_api.document.resolve import with_parameters
from tradewind_api.document.validation import base_of, evaluation_order, timeframe_of
from tradewind_api.operations import OPERATIONS, PRICES
from tradewind_engine.backtest import compiled, kernel, measures
from tradewind_engine.backtest.curves import merge_curves
from tradewind_engine.backtest.engine import DEFAULT_COSTS, check_history
from tradewind_engine.backtest.simulate import (
    ANY_ORDER,
    NO_MARKETS,
    NO_TRADES,
    NOTHING,
    RULE_OF,
    Costs,
    MarketRules,
    at_market,
    rules_of,
    simulate,
    with_values,
)
from tradewind_engine.candles import Candles, Floats
from tradewind_engine.optimise.objectives import OBJECTIVES
from tradewind_engine.optimise.scores import Scores
from tradewind_engine.optimise.space import Point, Space
from tradewind_engine.strategy.evaluate import BoundNode, bind
from tradewind_engine.strategy.layers import Grid, Layers
from tradewind_engine.timeframes import periods_per_year

TILE_BYTES = 16 << 20
STRETCH = 16_384  # points that are made and put in order at a time: 5 MiB, and long enough to fill many tiles
MOST_BOUND = 1_024  # nodes with their parameters
FIGURES = ("totalReturn", "maxDrawdown", "sharpe", "trades")
Progress = Callable[[int, int], None]
Keep = Callable[[list[int], Scores], None]
Take = Callable[[list[int], int, Scores], None]
PORTIONS = 20  # of what is kept on the way: so much at most is lost with the process
Key = tuple[Any, ...]
Found = dict[Key, tuple[Any, ...]]  # the outputs of a shared node


@dataclass(frozen=True, slots=True)
class SweepSettings:
    """What a sweep needs besides points. `threads` 0 means one for each processor that this process may use."""

    timeframe: str
    capital: float = 10_000.0
    costs: Costs = DEFAULT_COSTS
    threads: int = 0
    tile_bytes: int = TILE_BYTES
    stretch: int = STRETCH
    markets: Mapping[str, MarketRules] = field(default_factory=lambda: NO_MARKETS)

    @property
    def workers(self) -> int:
        """How many threads to start."""
        return self.threads or len(os.sched_getaffinity(0))


class Sweep:
    """A document, its space and candles by symbol, ready to score points as `run_backtest` would.

    Raises:
        CandleError: If some point of the space needs more candles than a symbol has.
    """

    def __init__(
        self, document: StrategyDocument, space: Space, candles: Mapping[str, Candles], settings: SweepSettings
    ) -> None:
        largest = {address: values[-1] for address, values in space.axes.items()}
        check_history(with_parameters(document, largest), candles, settings.timeframe)
        self.document, self.space, self.settings = document, space, settings
        self._histories = list(candles.values())
        self._grids = [Grid(document, history) for history in self._histories]
        self._count = sum(map(len, self._histories))
        self._rules = rules_of(document, settings.capital / len(candles), settings.costs)
        self._markets = [settings.markets.get(symbol, ANY_ORDER) for symbol in candles]
        self._tunes_rules = not RULE_OF.keys().isdisjoint(space.addresses)
        self._nodes = {node.id: node for node in evaluation_order(document)}
        self._tuned = {name: _tuned_of(name, space.addresses) for name in self._nodes}
        self._depends = _dependencies(self._nodes, self._tuned)
        tuned = tuple(sorted({axis for axes in self._depends.values() for axis in axes}))
        self._shared = [node for node in self._nodes.values() if not tuned or self._depends[node.id] != tuned]
        self._own = [node for node in self._nodes.values() if tuned and self._depends[node.id] == tuned]
        self._bound: dict[Key, BoundNode] = {}
        self._buffers = threading.local()
        times = [history.ts for history in self._histories]
        self.periods = self._count if len(times) == 1 else int(np.unique(np.concatenate(times)).size)

    def score(self, points: Sequence[Point], progress: Progress | None = None, keep: Keep | None = None) -> Scores:
        """Return the scores of `points`, in their order.

        `progress` hears (done, total) on the way; `keep` is given numbers of points and their scores, at most one in PORTIONS
        of all points at a time.
        """
        scores = Scores.empty(len(points), self.periods)

        def take(rows: list[int], first: int, found: Scores) -> None:
            numbers = [first + row for row in rows]
            scores.put(numbers, rows, found)
            if keep:
                keep(numbers, found.rows(rows))

        self._each(points, take, progress, -(-len(points) // PORTIONS) if keep else len(points))
        return scores

    def figures(self, points: Sequence[Point], progress: Progress | None = None) -> dict[str, Floats]:
        """Return FIGURES of `points`, in their order, a column each: fractions, and the Sharpe ratio of a year."""
        found = {name: np.empty(len(points)) for name in FIGURES}
        per_year = periods_per_year(self.settings.timeframe)

        def take(rows: list[int], first: int, scores: Scores) -> None:
            numbers = first + np.array(rows)
            found["totalReturn"][numbers], found["maxDrawdown"][numbers] = scores.total_return[rows], scores.drawdown[rows]
            found["sharpe"][numbers] = OBJECTIVES["sharpe"](scores, per_year)[rows]
            found["trades"][numbers] = scores.trades[rows]

        self._each(points, take, progress, len(points))
        return found

    def _each(self, points: Sequence[Point], take: Take, progress: Progress | None, most: int) -> None:
        """Score points a stretch at a time; `take` is given rows of a stretch, its first point's number, and its scores."""
        known: list[Found] = [{} for _ in self._histories]
        done = 0
        with ThreadPoolExecutor(self.settings.workers) as pool:
            for first in range(0, len(points), self.settings.stretch):
                stretch = list(points[first : first + self.settings.stretch])
                scores = Scores.empty(len(stretch), self.periods)
                for tile in self._tiles(stretch):
                    known = self._shared_series([stretch[row] for row in tile], pool, known)

                    def work(rows: list[int], known: list[Found] = known) -> None:
                        for row in rows:
                            self._score_one(stretch[row], row, known, scores)  # noqa: B023 - run before the next stretch

                    for portion in (tile[start : start + most] for start in range(0, len(tile), most)):
                        length = -(-len(portion) // (self.settings.workers * 8))  # neighbours: what they share stays cached
                        list(pool.map(work, [portion[start : start + length] for start in range(0, len(portion), length)]))
                        done += len(portion)
                        take(portion, first, scores)
                        if progress:
                            progress(done, len(points))
                    del work  # it holds what the next tile may not need

    def _tiles(self, points: Sequence[Point]) -> Iterator[list[int]]:
        """Yield row numbers of points whose shared series fit into the tile's bytes together, neighbours together."""
        sizes = {node.id: self._bytes_of(node) for node in self._shared}
        room = max(1, self.settings.tile_bytes // max(1, sum(sizes.values())))
        columns = [{value: rank for rank, value in enumerate(sorted(set(column)))} for column in zip(*points, strict=True)]
        ranks = [tuple(rank[value] for rank, value in zip(columns, point, strict=True)) for point in points]
        tile: list[int] = []
        keys: set[Key] = set()
        taken = 0
        for row in sorted(range(len(points)), key=lambda i: (*(rank // room for rank in ranks[i]), *ranks[i])):
            wanted = {self._key(node, points[row]) for node in self._shared}
            more = sum(sizes[key[0]] for key in wanted - keys)
            if tile and taken + more > self.settings.tile_bytes:
                yield tile
                tile, keys, taken, more = [], set(), 0, sum(sizes[key[0]] for key in wanted)
            tile.append(row)
            keys |= wanted
            taken += more
        if tile:
            yield tile

    def _bytes_of(self, node: Node) -> int:
        """Return what the series of a shared node take: in its own timeframe, and as seen at the document's closes."""
        timeframe, operation = timeframe_of(node, self.document), OPERATIONS[node.op]
        candles = sum(len(grid.candles[timeframe]) for grid in self._grids)
        if timeframe != self.document.timeframe:
            candles += self._count
        return candles * max(1, len(operation.outputs)) * (8 if operation.output == "number" else 1)

    def _shared_series(self, points: Sequence[Point], pool: ThreadPoolExecutor, before: list[Found]) -> list[Found]:
        """Return, a symbol each, the outputs of the shared nodes by key. Those `before` go on, or are forgotten first."""
        keys = {self._key(node, point) for node in self._shared for point in points}
        known: list[Found] = [{} for _ in before]
        for found, old in zip(known, before, strict=True):
            found |= {key: old[key] for key in old if key in keys or key[:-1] in keys}
            old.clear()
        for node in self._shared:
            wanted = {key: point for point in points if (key := self._key(node, point)) not in known[0]}

            def work(item: tuple[Key, Point], node: Node = node) -> None:
                key, point = item
                for found, grid in zip(known, self._grids, strict=True):
                    layers = Layers(grid)
                    for base in {base_of(reference) for reference in node.inputs} - set(PRICES):
                        self._add(self._nodes[base], point, found, layers)
                    found[key] = self._bind(node, point).outputs(layers)
                    if timeframe_of(node, self.document) != grid.own:  # seen as often as there are points, so once for all
                        seen = [grid.aligned(values, timeframe_of(node, self.document), grid.own) for values in found[key]]
                        found[*key, grid.own] = tuple(seen)

            list(pool.map(work, wanted.items()))
        return known

    def _score_one(self, point: Point, row: int, known: list[Found], scores: Scores) -> None:
        rules = with_values(self._rules, self.space.parameters(point)) if self._tunes_rules else self._rules
        document, curves = self.document, []
        closed = won = in_market = 0
        turnover = 0.0
        for number, (history, found) in enumerate(zip(self._histories, known, strict=True)):
            layers = Layers(self._grids[number])
            for node in self._shared:
                self._add(node, point, found, layers)
            for node in self._own:
                self._bind(node, point).add_to(layers)
            equity, trades = self._buffers_of(number, len(history))
            exit_ = layers.own(document.exit.when) if document.exit else np.zeros(len(history), dtype=np.bool_)
            measure = layers.own(document.entry.size.measure) if document.entry.size.measure else NOTHING
            entry = layers.own(document.entry.when)
            here = at_market(rules, self._markets[number])
            totals = simulate(history, entry, exit_, measure, here, equity=equity, trades=trades)
            curves.append((history.ts, equity))
            closed, won, in_market = closed + totals.closed, won + totals.won, in_market + totals.in_market
            turnover += totals.turnover
        _, equity = merge_curves(curves, rules.capital)
        known_trades = trades[: totals.closed] if len(curves) == 1 else NO_TRADES
        moments = measures.moments(equity, scores.sums[row], scores.squares[row], known_trades)
        scores.total_return[row] = equity[-1] / self.settings.capital - 1.0
        scores.drawdown[row], scores.mean[row], scores.deviation[row] = moments.drawdown, moments.mean, moments.deviation
        scores.downside[row] = moments.downside
        scores.trades[row], scores.won[row] = closed, won
        scores.time_in_market[row] = in_market / self._count
        scores.turnover[row] = turnover / self.settings.capital

    def _key(self, node: Node, point: Point) -> Key:
        return (node.id, *[point[axis] for axis in self._depends[node.id]])

    def _bind(self, node: Node, point: Point) -> BoundNode:
        """Return `node` with the point's values, kept as most are asked for again soon."""
        tuned = self._tuned[node.id]
        key = (node.id, *[point[axis] for axis, _ in tuned])
        bound = self._bound.get(key)
        if bound is None:
            own = {name: point[axis] for axis, name in tuned}
            changed = node.model_copy(update={"params": {**node.params, **own}})
            if len(self._bound) >= MOST_BOUND:
                self._bound.clear()
            bound = self._bound[key] = bind(changed, self.document, compiled.COMPILED)
        return bound

    def _add(self, node: Node, point: Point, found: Mapping[Key, Any], layers: Layers) -> None:
        bound, key, own = self._bind(node, point), self._key(node, point), layers.grid.own
        for name, values in zip(bound.names, found[key], strict=True):
            layers.put(name, bound.timeframe, values)
        if bound.timeframe != own:
            for name, values in zip(bound.names, found.get((*key, own), ()), strict=False):
                layers.show(name, own, values)

    def _buffers_of(self, number: int, size: int) -> tuple[Floats, Floats]:
        """Return this thread's buffers for equity and trades of symbol `number`; memory is used where trades are."""
        kept: dict[Any, tuple[Floats, Floats]] = self._buffers.__dict__
        if number not in kept:
            kept[number] = np.empty(size), np.empty((size, kernel.COLUMNS))
        return kept[number]


def _tuned_of(node: str, addresses: Sequence[str]) -> tuple[tuple[int, str], ...]:
    """Return the axes that set a parameter of a node, with the parameter's name."""
    parts = [address.partition(".") for address in addresses]
    return tuple((axis, parameter) for axis, (owner, _, parameter) in enumerate(parts) if owner == node)


def _dependencies(nodes: Mapping[str, Node], tuned: Mapping[str, tuple[tuple[int, str], ...]]) -> dict[str, tuple[int, ...]]:
    """Return for each node the axes that its values depend on, ascending; `nodes` stand after their inputs."""
    found: dict[str, tuple[int, ...]] = {}
    for node in nodes.values():
        axes = {axis for axis, _ in tuned[node.id]}
        for base in {base_of(reference) for reference in node.inputs} - set(PRICES):
            axes |= set(found[base])
        found[node.id] = tuple(sorted(axes))
    return found
