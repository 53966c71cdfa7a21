"""Killed, cut into shards, put together in any order: the same report, byte for byte."""

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import market

from tradewind_api.document.resolve import template
from tradewind_engine.backtest.simulate import MarketRules
from tradewind_engine.optimise.book import Aim
from tradewind_engine.optimise.record import Record, fingerprint
from tradewind_engine.optimise.search import first_sample
from tradewind_engine.optimise.shards import pieces_of, work_shard
from tradewind_engine.optimise.space import make_space
from tradewind_engine.optimise.study import run_study
from tradewind_engine.optimise.sweep import Sweep, SweepSettings

pytestmark = pytest.mark.slow

DOCUMENT = template("sma-crossover")
CANDLES = {"": market(11, 600, memory=0.1)}
SETTINGS = SweepSettings("1h", threads=1)
SPACE = make_space(DOCUMENT, {"fast.period": (2, 13, 1), "slow.period": (22, 40, 2)})
WIDE = make_space(DOCUMENT, {"fast.period": (2, 41, 1), "slow.period": (42, 120, 2), "protect.stopLossPercent": (1, 10, 1)})
AIM = Aim(objective="totalReturn", constraints=(), budget=120, trials=4, seed=3)
FOLDS = 2


class PowerCutError(Exception):
    """The end of a process, between two blocks."""


def study(space, record=None):
    found = run_study(DOCUMENT, space, CANDLES, SETTINGS, AIM, folds=FOLDS, record=record)
    return json.dumps(found.to_json(), sort_keys=True)


@pytest.fixture(scope="module", params=[SPACE, WIDE], ids=["exhaustive", "sample, zoom, TPE"])
def whole(request):
    """A space and the report of an undisturbed search of it."""
    return request.param, study(request.param)


def test_a_search_that_is_killed_again_and_again_ends_with_the_same_report(whole):
    """After each cut it scores at least one block more, and what had been written is never scored again."""
    space, wanted = whole
    draw, kept, cuts = random.Random(1), b"", 0
    while True:
        left = draw.randint(8, 30)

        def sink(block):
            nonlocal kept, left
            if left == 0:
                raise PowerCutError
            left, kept = left - 1, kept + block

        record = Record(space, sink)
        torn = kept + kept[: draw.randint(1, 50)][:40]  # the last block was half written
        assert len(kept) == record.load(torn)
        before = len(record)
        try:
            found = study(space, record)
            break
        except PowerCutError:
            cuts += 1
            assert len(record) > before
    assert cuts >= 2
    assert wanted == found


def test_a_finished_search_scores_nothing_again(whole, monkeypatch):
    """But for the best point's neighbours, which the verdict asks for."""
    space, wanted = whole
    blocks = []
    study(space, Record(space, blocks.append))
    record = Record(space)
    record.load(b"".join(blocks))
    scored = []
    score = Sweep.score
    monkeypatch.setattr(Sweep, "score", lambda self, points, *rest: scored.append(len(points)) or score(self, points, *rest))
    assert wanted == study(space, record)
    assert sum(scored) <= 6


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_shards_put_together_are_the_whole(whole, shards):
    """In whatever order they come, and if one comes twice."""
    space, wanted = whole
    parts = []
    for shard in range(shards):
        blocks: list[bytes] = []
        record = Record(space, blocks.append)
        work_shard(shard, shards, DOCUMENT, space, CANDLES, SETTINGS, AIM, record, folds=FOLDS)
        parts.append(b"".join(blocks))
    random.Random(shards).shuffle(parts)
    merged = Record(space)
    for part in [*parts, parts[0]]:
        assert len(part) == merged.load(part)
    scored = len(merged)
    assert wanted == study(space, merged)
    assert scored == len(merged)  # nothing was missing


@pytest.mark.parametrize("shards", [2, 5])
def test_a_search_without_folds_shares_its_sample(shards):
    """Each shard scores its piece of the sample alone; the whole search of them all scores no point of the sample again."""
    sample = first_sample(WIDE, AIM)
    merged, sizes = Record(WIDE), []
    for shard in range(shards):
        blocks: list[bytes] = []
        record = Record(WIDE, blocks.append)
        work_shard(shard, shards, DOCUMENT, WIDE, CANDLES, SETTINGS, AIM, record)
        merged.load(b"".join(blocks))
        sizes.append(len(record))
    assert (len(sample), len(sample)) == (sum(sizes), len(merged))
    assert max(sizes) - min(sizes) <= 1
    wanted = run_study(DOCUMENT, WIDE, CANDLES, SETTINGS, AIM).to_json()
    assert json.dumps(wanted) == json.dumps(run_study(DOCUMENT, WIDE, CANDLES, SETTINGS, AIM, record=merged).to_json())
    assert len(merged) == wanted["optimisation"]["points"]


def test_no_block_is_more_than_a_tenth_of_a_shard():
    """What is lost with the process is what was scored since the last block."""
    sizes = []
    record = Record(SPACE)
    keep = record.keep
    record.keep = lambda part, places, scores: sizes.append(len(places)) or keep(part, places, scores)  # type: ignore[method-assign]
    work_shard(0, 1, DOCUMENT, SPACE, CANDLES, SETTINGS, AIM, record, folds=FOLDS)
    assert 120 * 3 == sum(sizes)
    assert max(sizes) <= 120 * 3 / 10


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 500), st.booleans())
@settings(deadline=None)
def test_every_point_belongs_to_one_shard(shards, parts, size, cut):
    """And where parts are cut, shards are equal to one point."""
    seen: list[tuple[int, int]] = []
    counts = []
    for shard in range(shards):
        pieces = pieces_of(shard, shards, parts=parts, size=size, cut=cut)
        counts.append(sum(piece.last - piece.first for piece in pieces))
        seen += [(piece.part, point) for piece in pieces for point in range(piece.first, piece.last)]
    assert [(part, point) for part in range(parts) for point in range(size)] == sorted(seen)
    assert not cut or max(counts) - min(counts) <= 1


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_bytes_that_are_no_record_are_none(data):
    """They add nothing."""
    record = Record(SPACE)
    assert (0, 0) == (record.load(data), len(record))


def test_rows_survive_their_bytes_exactly():
    """NaN, infinities, and numbers too small to have full precision."""
    scores = Sweep(DOCUMENT, SPACE, CANDLES, SETTINGS).score([(2.0, 22.0), (3.0, 24.0)])
    scores.mean[:] = [np.nan, 5e-324]
    scores.drawdown[0] = -np.inf
    blocks: list[bytes] = []
    Record(SPACE, blocks.append).keep(1, [(0, 0), (1, 1)], scores)
    record = Record(SPACE)
    record.load(blocks[0])
    assert ([], None) == record.known(0, [(0, 0)])
    numbers, found = record.known(1, [(1, 1), (5, 5), (0, 0)])
    assert ([0, 2], scores.rows([1, 0]).table().tobytes()) == (numbers, found.table().tobytes())


def test_a_record_is_of_one_search():
    """Other candles, another cost, another document or other folds: another fingerprint. Objective and seed may differ."""
    one = fingerprint(DOCUMENT, SPACE, CANDLES, SETTINGS, folds=2)
    assert one == fingerprint(DOCUMENT, SPACE, CANDLES, SweepSettings("1h", threads=4), folds=2)
    others = {
        fingerprint(template("rsi"), SPACE, CANDLES, SETTINGS, folds=2),
        fingerprint(DOCUMENT, WIDE, CANDLES, SETTINGS, folds=2),
        fingerprint(DOCUMENT, SPACE, {"": CANDLES[""][:-1]}, SETTINGS, folds=2),
        fingerprint(DOCUMENT, SPACE, CANDLES, SweepSettings("1h", capital=5.0), folds=2),
        fingerprint(DOCUMENT, SPACE, CANDLES, SETTINGS, folds=3),
        fingerprint(DOCUMENT, SPACE, CANDLES, SETTINGS, folds=2, kind="anchored"),
        fingerprint(DOCUMENT, SPACE, CANDLES, SweepSettings("1h", markets={"": MarketRules(0.1)}), folds=2),
    }
    assert 7 == len(others - {one})
