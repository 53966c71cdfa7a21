"""What a sweep and a search hold grows by the bytes of their tables, whatever the number of points and of their nodes."""

import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import market

from tradewind_api.document.resolve import template
from tradewind_engine.honesty.overfitting import distinct
from tradewind_engine.optimise.book import Aim
from tradewind_engine.optimise.places import PlaceIndex, first_ones
from tradewind_engine.optimise.record import Record
from tradewind_engine.optimise.scratch import Scratch
from tradewind_engine.optimise.search import search
from tradewind_engine.optimise.space import make_space
from tradewind_engine.optimise.sweep import FIGURES, Sweep, SweepSettings

DOCUMENT = template("sma-crossover")
LITTLE = 128 << 10  # what numpy, hashing and the like hold at a time
SETTINGS = SweepSettings("1h", threads=1, tile_bytes=100_000, stretch=256)


def space_of(fast, slow):
    return make_space(DOCUMENT, {"fast.period": (2, 1 + fast, 1), "slow.period": (10, 9 + slow, 1)})


def peak_of(work):
    """Return the most bytes that were held at a time while something worked, and what it returned."""
    gc.collect()
    tracemalloc.start()
    try:
        found = work()
        return tracemalloc.get_traced_memory()[1], found
    finally:
        tracemalloc.stop()


def growth(work):
    """Return how many bytes a point more is held at the peak with thrice the points over the same candles."""
    work(space_of(4, 8))  # what is made once
    small, large = space_of(60, 90), space_of(100, 150)  # fewer do not fill what is held at a time
    peaks = [peak_of(lambda space=space: work(space))[0] for space in (small, large)]
    return (peaks[1] - peaks[0] - LITTLE) / (large.size - small.size)


def test_a_table_of_figures_grows_by_its_columns_alone():
    """Eight bytes a figure; neither points, nor series, nor rows of other measures are held for all."""
    candles = {"": market(5, 300)}
    assert growth(lambda space: Sweep(DOCUMENT, space, candles, SETTINGS).figures(space.points())) <= 8 * len(FIGURES)


@pytest.mark.parametrize("budget", [1, 0.5], ids=["exhaustive", "sampled"])
def test_a_search_grows_by_what_its_answer_needs(budget):
    """Value, Sharpe ratio and where the row stands, 24 bytes; its place and a number, twice while more are put in."""
    candles = {"": market(5, 300)}

    def work(space):
        aim = Aim(constraints=(), budget=int(budget * space.size), trials=0)
        return search(Sweep(DOCUMENT, space, candles, SETTINGS), aim, record=Record(space, store=Scratch(in_memory=0)))

    assert growth(work) <= 60


def test_what_cross_validation_chooses_from_is_not_held():
    """Of 256 bytes a point two columns are looked at at a time."""
    candles = {"": market(5, 300)}

    def found(space):
        aim = Aim(constraints=(), budget=space.size)
        return search(Sweep(DOCUMENT, space, candles, SETTINGS), aim, record=Record(space, store=Scratch(in_memory=0)))

    small, large = found(space_of(20, 30)), found(space_of(40, 60))
    peaks = [
        peak_of(lambda one=one: distinct(lambda a, b: one.columns(9 + a, 9 + b), one.count, 32))[0] for one in (small, large)
    ]
    assert (peaks[1] - peaks[0] - LITTLE) / (large.count - small.count) <= 140


def test_series_are_held_a_tile_at_a_time():
    """Four times the averages, as many series of 160 kB: not one of them more is held at the peak."""
    candles = {"": market(5, 20_000)}
    settings = SweepSettings("1h", threads=1, tile_bytes=1_000_000, stretch=64)

    def work(space):
        return Sweep(DOCUMENT, space, candles, settings).figures(space.points())

    work(space_of(2, 2))
    few, many = (peak_of(lambda fast=fast: work(space_of(fast, 2)))[0] for fast in (40, 160))
    assert many - few < 160_000


def test_figures_are_those_of_the_scores():
    """Point by point, whatever the stretches that points are taken in."""
    space, candles = space_of(7, 9), {"": market(6, 400)}
    sweep = Sweep(DOCUMENT, space, candles, SweepSettings("1h", threads=2))
    scores, found = sweep.score(space.points()), {}
    for stretch in (5, 16_384):
        found[stretch] = Sweep(DOCUMENT, space, candles, SweepSettings("1h", threads=2, stretch=stretch)).figures(
            space.points()
        )
    for figures in found.values():
        assert scores.total_return.tolist() == figures["totalReturn"].tolist()
        assert scores.drawdown.tolist() == figures["maxDrawdown"].tolist()
        assert scores.trades.tolist() == figures["trades"].tolist()
        assert (scores.sharpe * 8766**0.5).tolist() == pytest.approx(figures["sharpe"].tolist(), rel=1e-3)


def test_points_are_made_when_asked_for():
    """One, some or all; of the whole space and of chosen places."""
    space = space_of(3, 4)
    every = [(float(fast), float(slow)) for fast in (2, 3, 4) for slow in (10, 11, 12, 13)]
    assert every == list(space.points()) == space.points()[:]
    assert (every[5], every[-1], every[2:7], every[::-3]) == (
        space.points()[5], space.points()[-1], space.points()[2:7], space.points()[::-3]
    )  # fmt: skip
    assert [every[5], every[2]] == space.points(np.array([[1, 1], [0, 2]]))[:]


@given(st.lists(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 3), st.integers(0, 999)), max_size=30), max_size=6))
@settings(deadline=None)
def test_an_index_of_places_is_a_dictionary(batches):
    """Filled batch by batch, each place once; asked for known and unknown ones."""
    index, known = PlaceIndex(3), {}
    for batch in batches:
        places = np.array(batch, dtype=np.int64).reshape(-1, 3)
        assert list(dict.fromkeys(batch)) == list(map(tuple, first_ones(places).tolist()))
        assert [known.get(place, -1) for place in batch] == index.find(places).tolist()
        fresh = [place for place in dict.fromkeys(batch) if place not in known]
        numbers = list(range(len(known), len(known) + len(fresh)))
        index.add(np.array(fresh, dtype=np.uint16).reshape(-1, 3), np.array(numbers, dtype=np.int64))
        known |= dict(zip(fresh, numbers, strict=True))
    assert len(known) == len(index)


@given(st.lists(st.lists(st.sampled_from([-0.5, -0.0, 0.0, 1e-300, 2.0]), min_size=5, max_size=5), min_size=1, max_size=40))
@settings(deadline=None)
def test_distinct_rows_are_numpys(rows):
    """In the same order, found two columns at a time."""
    table = np.array(rows)
    found = table[distinct(lambda first, last: table[:, first:last], *table.shape)]
    np.testing.assert_array_equal(np.unique(table, axis=0), found)


@given(st.lists(st.binary(max_size=20), max_size=12), st.integers(0, 60))
@settings(deadline=None)
def test_a_scratch_reads_what_was_put_down(pieces, in_memory):
    """Also once it has moved from memory to a file; fewer bytes at the end."""
    scratch, whole = Scratch(in_memory=in_memory), b"".join(pieces)
    offsets = [scratch.append(piece) for piece in pieces]
    assert pieces == [scratch.read(offset, len(piece)) for offset, piece in zip(offsets, pieces, strict=True)]
    assert (whole, len(whole)) == (scratch.read(0, 10**9), scratch.size)


def test_where_no_file_can_be_made_memory_has_to_do(monkeypatch):
    """A read-only machine searches all the same."""

    def refused(**_):
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    scratch = Scratch(in_memory=3)
    assert [0, 5] == [scratch.append(b"12345"), scratch.append(b"67")]
    assert b"34567" == scratch.read(2, 10)
