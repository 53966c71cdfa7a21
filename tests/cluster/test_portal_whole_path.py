"""The portal against a real API server: from the first login to a bot's fills and a backtest's report."""

from collections.abc import Callable

import httpx2
import numpy as np
from portal_cluster import BACKTEST_SPEC, BOT_SPEC, MINUTE, START, Customer, kubeconfig, new_customer, portal  # noqa: F401 - fixtures
from portal_process import PortalProcess

from tradewind_api.ledger import Equity, Filled, Intended, Started, event


def csv(count: int) -> str:
    """Return a candle file of `count` minutes."""
    rows = [f"{START + index * MINUTE},{100 + index},{102 + index},{99 + index},{101 + index},5" for index in range(count)]
    return "\n".join(["ts,open,high,low,close,volume", *rows])


def test_a_backtest_from_candles_to_report(portal: PortalProcess, new_customer: Callable[..., Customer]) -> None:  # noqa: F811
    """Imported candles reach the worker's pod, its report reaches the person."""
    mine = new_customer("path-bt")
    with httpx2.Client(base_url=portal.public, headers=mine.headers) as people, httpx2.Client(base_url=portal.internal) as pods:
        imported = people.put(
            "/api/v1/candles?exchange=simulated&symbol=BTC/USDT", content=csv(120), headers={"Content-Type": "text/csv"}
        )
        assert (200, 120, "1m") == (imported.status_code, imported.json()["candles"], imported.json()["timeframe"]), (
            imported.text
        )

        made = people.post("/api/v1/backtests", json={"metadata": {"name": "first"}, "spec": BACKTEST_SPEC})
        assert 201 == made.status_code, made.text
        uid = made.json()["metadata"]["uid"]
        worker = mine.pod("backtest", "first", uid, "worker-1")
        span = {"exchange": "simulated", "symbol": "BTC/USDT", "timeframe": "5m", "from": START, "to": START + 120 * MINUTE}
        candles = pods.get("/runner/v1/candles", params=span, headers=worker)
        assert (200, "24") == (candles.status_code, candles.headers["Tradewind-Candles"]), candles.text
        columns = np.frombuffer(candles.content, "<i8").reshape(6, 24)
        assert [START, START + 5 * MINUTE] == columns[0][:2].tolist()
        assert [100.0, 105.0] == columns[1].view("<f8")[:2].tolist()
        assert [106.0, 111.0] == columns[2].view("<f8")[:2].tolist()
        assert [25.0, 25.0] == columns[5].view("<f8")[:2].tolist()
        later = pods.get("/runner/v1/candles", params={**span, "to": START + 130 * MINUTE}, headers=worker)
        assert (404, "DataMissing") == (later.status_code, later.json()["code"])
        assert [{"symbol": "BTC/USDT", "fromMs": START + 120 * MINUTE, "toMs": START + 130 * MINUTE}] == later.json()["missing"]

        assert 204 == pods.post("/runner/v1/progress", json={"done": 60, "total": 120}, headers=worker).status_code
        report = {
            "reportDigest": "d" * 64,
            "trades": 1,
            "tradeList": [],
            "equityCurve": [[START, 1000.0], [START + MINUTE, 1001.5]],
        }
        upload = {"reportDigest": "d" * 64, "report": report}
        first = pods.post("/runner/v1/results", json=upload, headers=worker)
        assert 200 == first.status_code, first.text
        assert first.json() == pods.post("/runner/v1/results", json=upload, headers=worker).json()
        shown = people.get("/api/v1/backtests/first").json()
        assert ({"done": 60, "total": 120, "message": "", "shard": 0}, True) == (shown["progress"], shown["hasReport"])
        assert f'"{first.json()["sha256"]}"' == people.get("/api/v1/backtests/first/report").headers["ETag"]
        assert {"atMs": START + MINUTE, "equity": 1001.5} == people.get("/api/v1/backtests/first/equity").json()["items"][1]


def test_a_bot_from_its_resource_to_its_figures(portal: PortalProcess, new_customer: Callable[..., Customer]) -> None:  # noqa: F811
    """A bot made here reports from its pod; money and history are shown; a second pod fences the first."""
    mine = new_customer("path-bot")
    with httpx2.Client(base_url=portal.public, headers=mine.headers) as people, httpx2.Client(base_url=portal.internal) as pods:
        bot = people.post("/api/v1/bots", json={"metadata": {"name": "sma"}, "spec": BOT_SPEC})
        assert (201, '"1"') == (bot.status_code, bot.headers["ETag"]), bot.text
        uid = bot.json()["metadata"]["uid"]
        runner = mine.pod("bot", "sma", uid, "bot-sma-0")
        hello = {"generation": 1, "strategyDigest": "s", "runnerVersion": "0"}
        assert 1 == pods.post("/runner/v1/start", json=hello, headers=runner).json()["epoch"]
        told = [
            Started(generation=1, strategy_digest="s", runner_version="0", mode="Paper", currency="USDT", capital="1000"),
            Intended(client_order_id="o1", symbol="BTC/USDT", side="buy", amount="2", candle_open_ms=START, reason="entry"),
            Filled(
                client_order_id="o1",
                trade_id="t1",
                symbol="BTC/USDT",
                side="buy",
                amount="2",
                price="100",
                fee="0.2",
                fee_currency="USDT",
            ),
            Equity(equity="999.8", cash="799.8", prices={"BTC/USDT": "100"}),
        ]
        events = [
            event(uid, 1, seq=seq, at_ms=START + seq, data=data).model_dump(mode="json")
            for seq, data in enumerate(told, start=1)
        ]
        for _ in range(2):
            answer = pods.post("/runner/v1/events", json={"epoch": 1, "events": events}, headers=runner)
            assert (200, 4) == (answer.status_code, answer.json().get("acknowledgedSeq")), answer.text
        beat = {"epoch": 1, "trading": True, "unacknowledgedEvents": 0}
        assert 900 == pods.post("/runner/v1/lease", json=beat, headers=runner).json()["leaseSeconds"]

        shown = people.get("/api/v1/bots/sma").json()
        assert ("799.8", "999.8", "2", True) == (
            shown["ledger"]["cash"],
            shown["ledger"]["equity"],
            shown["ledger"]["positions"]["BTC/USDT"]["amount"],
            shown["runner"]["trading"],
        )
        assert ["t1"] == [fill["tradeId"] for fill in people.get("/api/v1/bots/sma/fills").json()["items"]]
        assert 4 == len(people.get("/api/v1/bots/sma/events").json()["items"])
        assert ["999.8"] == [point["equity"] for point in people.get("/api/v1/bots/sma/equity").json()["items"]]

        assert 2 == pods.post("/runner/v1/start", json=hello, headers=runner).json()["epoch"]
        fenced = pods.post("/runner/v1/events", json={"epoch": 1, "events": events}, headers=runner)
        assert (409, "Fenced") == (fenced.status_code, fenced.json()["code"])
