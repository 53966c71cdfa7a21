"""A working day of a portal in a few seconds: logins, an import that a back-test's pod is given, a bot that reports.

What it asks is what people, workers and bots ask, over real sockets, with pods' tokens that the API server made.
"""

import os
from contextlib import contextmanager
from pathlib import Path

import httpx2
import market
import portal_cluster
from portal_cluster import BACKTEST_SPEC, BOT_SPEC
from portal_process import ADMIN, PASSWORD, log_in

from tradewind_api.ledger import Closed, Decision, Equity, Filled, Intended, Started, event

ROOT = Path(__file__).parents[2]
RECORDED = "ohlcv/binance_spot_BTCUSDT_1m_2025.parquet"
MINUTES, MINUTE, DAY = 130_000, 60_000, 86_400_000
TIMEFRAMES = ("1m", "5m", "1h", "1d")
LOGINS, BATCHES, CANDLES_A_BATCH = 4, 100, 50
MEDIA_TYPES = {".parquet": "application/vnd.apache.parquet", ".csv": "text/csv"}


def candle_file(folder):
    """Return the recorded minutes of BTC/USDT where they are at hand, or else as many made ones."""
    recorded = Path(os.environ.get("TRADEWIND_TEST_DATA", ROOT / "../shared/data")) / RECORDED
    if recorded.is_file():
        return recorded
    columns = market.candles(MINUTES)
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    made = folder / "candles.csv"
    made.write_text("\n".join([",".join(columns), *(",".join(map(repr, row)) for row in rows)]))
    return made


def serve_candles(portal, customer, folder):
    """Log in, import, give candles to a back-test's pod and take its report; return in words what was done."""
    with people_and_pods(portal, customer) as (people, pods):
        for _ in range(LOGINS):
            log_in(portal, ADMIN, PASSWORD)
        imported = _import(people, candle_file(folder))
        _backtest(people, pods, customer, imported)
    return f"{imported['candles']:,} candles imported and served as {', '.join(TIMEFRAMES)}"


def report_events(portal, customer):
    """Be a bot that trades at each candle, and a person who looks at it; return how many events it told."""
    with people_and_pods(portal, customer) as (people, pods):
        return _bot(people, pods, customer)


@contextmanager
def people_and_pods(portal, customer):
    """Open a client of the public and one of the internal port."""
    public = httpx2.Client(base_url=portal.public, headers=customer.headers, timeout=120)
    with public as people, httpx2.Client(base_url=portal.internal, timeout=120) as pods:
        yield people, pods


def _import(people, file):
    headers = {"Content-Type": MEDIA_TYPES[file.suffix]}
    answer = people.put("/api/v1/candles?exchange=simulated&symbol=BTC/USDT", content=file.read_bytes(), headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _backtest(people, pods, customer, imported):
    made = people.post("/api/v1/backtests", json={"metadata": {"name": "months"}, "spec": BACKTEST_SPEC})
    assert made.status_code == 201, made.text
    worker = customer.pod("backtest", "months", made.json()["metadata"]["uid"], "worker-1")
    span = {"exchange": "simulated", "symbol": "BTC/USDT", "from": imported["from"], "to": imported["to"] // DAY * DAY}
    for timeframe in TIMEFRAMES:
        answer = pods.get("/runner/v1/candles", params={**span, "timeframe": timeframe}, headers=worker)
        assert answer.status_code == 200, answer.text
    curve = [[imported["from"] + index * MINUTE, 1000.0 + index] for index in range(1000)]
    report = {"reportDigest": "d" * 64, "trades": 1, "tradeList": [], "equityCurve": curve}
    answer = pods.post("/runner/v1/results", json={"reportDigest": "d" * 64, "report": report}, headers=worker)
    assert answer.status_code == 200, answer.text
    for path in ("", "/months", "/months/report", "/months/equity"):
        assert people.get(f"/api/v1/backtests{path}").status_code == 200


def _bot(people, pods, customer):
    bot = people.post("/api/v1/bots", json={"metadata": {"name": "busy"}, "spec": BOT_SPEC})
    assert bot.status_code == 201, bot.text
    uid = bot.json()["metadata"]["uid"]
    runner = customer.pod("bot", "busy", uid, "bot-busy-0")
    hello = {"generation": 1, "strategyDigest": "s", "runnerVersion": "0"}
    assert pods.post("/runner/v1/start", json=hello, headers=runner).status_code == 200
    told = [Started(generation=1, strategy_digest="s", runner_version="0", mode="Paper", currency="USDT", capital="100000")]
    sent = 0
    for batch in range(BATCHES):
        for candle in range(batch * CANDLES_A_BATCH, (batch + 1) * CANDLES_A_BATCH):
            told += _candle(candle)
        events = [
            event(uid, 1, seq=sent + index, at_ms=portal_cluster.START + sent + index, data=data).model_dump(mode="json")
            for index, data in enumerate(told, start=1)
        ]
        answer = pods.post("/runner/v1/events", json={"epoch": 1, "events": events}, headers=runner)
        assert answer.status_code == 200, answer.text
        sent, told = sent + len(told), []
    for path in ("", "/busy", "/busy/events", "/busy/fills", "/busy/equity"):
        assert people.get(f"/api/v1/bots{path}").status_code == 200
    return sent


def _candle(index):
    """Return what a bot tells of one candle that it trades on: a purchase, and the sale of it on the next one."""
    at, side = portal_cluster.START + index * MINUTE, ("buy", "sell")[index % 2]
    common = {"client_order_id": f"o{index}", "symbol": "BTC/USDT", "side": side, "amount": "2"}
    return [
        Decision(symbol="BTC/USDT", candle_open_ms=at, action="Enter" if side == "buy" else "Exit", nodes={"fast": 1.0}),
        Intended(**common, candle_open_ms=at, reason="entry" if side == "buy" else "exit"),
        Filled(**common, trade_id=f"t{index}", price="100", fee="0.2", fee_currency="USDT"),
        Closed(client_order_id=common["client_order_id"], outcome="Filled"),
        Equity(equity="100000", cash="99800", prices={"BTC/USDT": "100"}),
    ]
