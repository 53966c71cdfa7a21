"""Figures of many points over the same candles: each distinct node once, points in parallel, memory bounded.

Points are taken tile by tile. The nodes that some points of a tile share are computed first, each once; those that depend on
every tuned node parameter are computed where they are used and forgotten. So memory is that of one tile, whatever the number
of points. Threads suffice: the loops of numpy and of the kernel run without the interpreter's lock.
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
from tradewind_api.operations import PRICES
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
from tradewind_engine.optimise.scores import Scores
from tradewind_engine.optimise.space import Point, Space
from tradewind_engine.strategy.evaluate import BoundNode, bind
from tradewind_engine.strategy.layers import Grid, Layers

TILE_BYTES = 16 << 20
Progress = Callable[[int, int], None]
Keep = Callable[[list[int], Scores], None]
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

    def score(self, points: Sequence[Point], progress: Progress | None = None, keep: Keep | None = None) -> Scores:
        """Return the scores of `points`, in their order.

        `progress` hears (done, total) on the way; `keep` is given numbers of points and their scores, at most one in PORTIONS
        of all points at a time.
        """
        most = -(-len(points) // PORTIONS) if keep else len(points)
        periods = self._count if len(self._histories) == 1 else np.unique(np.concatenate([h.ts for h in self._histories])).size
        scores = Scores.empty(len(points), int(periods))
        done = 0
        with ThreadPoolExecutor(self.settings.workers) as pool:
            for tile in self._tiles(points):
                known = self._shared_series([points[index] for index in tile], pool)

                def work(rows: list[int], known: list[Found] = known) -> None:
                    for row in rows:
                        self._score_one(points[row], row, known, scores)

                for portion in (tile[start : start + most] for start in range(0, len(tile), most)):
                    parts = self.settings.workers * 8
                    list(pool.map(work, [portion[start::parts] for start in range(min(parts, len(portion)))]))
                    done += len(portion)
                    if keep:
                        keep(portion, scores.rows(portion))
                    if progress:
                        progress(done, len(points))
                del known, work  # before the next tile's are made
        return scores

    def _tiles(self, points: Sequence[Point]) -> Iterator[list[int]]:
        """Yield row numbers of points whose shared series fit into the tile's bytes together, neighbours together."""
        bytes_each = 8 * self._count
        room = max(1, self.settings.tile_bytes // bytes_each // max(1, len(self._shared)))
        columns = [{value: rank for rank, value in enumerate(sorted(set(column)))} for column in zip(*points, strict=True)]
        ranks = [tuple(rank[value] for rank, value in zip(columns, point, strict=True)) for point in points]
        tile: list[int] = []
        keys: set[Key] = set()
        for row in sorted(range(len(points)), key=lambda i: (*(rank // room for rank in ranks[i]), *ranks[i])):
            wanted = {self._key(node, points[row]) for node in self._shared}
            if tile and len(keys | wanted) * bytes_each > self.settings.tile_bytes:
                yield tile
                tile, keys = [], set()
            tile.append(row)
            keys |= wanted
        if tile:
            yield tile

    def _shared_series(self, points: Sequence[Point], pool: ThreadPoolExecutor) -> list[Found]:
        """Return, a symbol each, the outputs of the shared nodes by key."""
        known: list[Found] = [{} for _ in self._histories]
        for node in self._shared:
            wanted = {self._key(node, point): point for point in points}

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
        """Return `node` with the point's values, kept as there are few different ones of a node."""
        tuned = self._tuned[node.id]
        key = (node.id, *[point[axis] for axis, _ in tuned])
        bound = self._bound.get(key)
        if bound is None:
            own = {name: point[axis] for axis, name in tuned}
            changed = node.model_copy(update={"params": {**node.params, **own}})
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
