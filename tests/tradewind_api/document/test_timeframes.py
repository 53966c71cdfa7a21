"""Nodes of longer timeframes: what fits, and how much history they need."""

import pytest

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.errors import InvalidDocumentError
from tradewind_api.document.validation import candles_needed, lookback_of, parse_document


def raw(timeframe="1d", period=20, own="15m", second=None):
    """The close against an average of `period` candles of a longer timeframe."""
    nodes = [
        {"id": "trend", "op": "sma", "in": ["close"], "params": {"period": period}, "timeframe": timeframe},
        {"id": "up", "op": "above", "in": ["close", "trend"], **({"timeframe": second} if second else {})},
    ]
    sinks = {"entry": {"when": "up"}, "exit": {"when": "up"}}
    return {"schema": "tradewind.strategy/v1", "timeframe": own, "nodes": nodes, **sinks}


def faults(document):
    with pytest.raises(InvalidDocumentError) as caught:
        parse_document(document)
    return [(error.node, error.field, error.code) for error in caught.value.errors]


def test_history_covers_the_longer_candles_wherever_they_end():
    """Twenty days of 96 quarters, and up to 95 since the last day closed; 21 daily candles, the newest one unfinished."""
    document = parse_document(raw())
    assert 20 * 96 + 95 == lookback_of(document)
    assert {"15m": 1, "1d": 21} == candles_needed(document)


def test_a_chain_over_timeframes_adds_up():
    """Two closes of the quarter for a crossing, each of which sees an hour that sees a 4-hour average of 3."""
    nodes = [
        {"id": "slow", "op": "sma", "in": ["close"], "params": {"period": 3}, "timeframe": "4h"},
        {"id": "mid", "op": "add", "in": ["slow", "close"], "timeframe": "1h"},
        {"id": "up", "op": "crosses_above", "in": ["close", "mid"]},
    ]
    document = parse_document(raw() | {"nodes": nodes})
    assert 1 + 3 + 12 + 48 == lookback_of(document)


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (raw("5m"), ("trend", "timeframe", "UnfitTimeframe")),
        (raw("5m", own="3m"), ("trend", "timeframe", "UnfitTimeframe")),
        (raw("4h", second="1h", own="15m") | {"timeframe": "2h"}, ("up", "timeframe", "UnfitTimeframe")),
        (raw("1h", second="4h"), ("up", "in.1", "UnfitTimeframe")),
        (raw("12h", second="8h"), ("up", "in.1", "UnfitTimeframe")),
        (raw("7h"), ("trend", "timeframe", "Invalid")),
        (raw("1d", own="1m", period=1000), ("", "nodes", "LookbackTooLong")),
        (raw("1d", own="1m", period=40), ("", "nodes", "LookbackTooLong")),
    ],
)
def test_what_does_not_fit_is_named(document, fault):
    """Shorter than the document, no multiple of it, a node that would have to see inside a longer candle, too much history."""
    assert fault in faults(document)


def test_another_timeframe_is_another_strategy():
    """Left out and the document's own are the same; another one is not."""
    plain, own, longer = raw(), raw(), raw("4h")
    del plain["nodes"][0]["timeframe"]
    own["nodes"][0]["timeframe"] = "15m"
    digests = [strategy_digest(parse_document(document)) for document in (plain, own, longer)]
    assert digests[0] == digests[1] != digests[2]
