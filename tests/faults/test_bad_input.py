"""What the trader reads when something that comes in cannot be: the reason stands in the API and in `kubectl describe`.

Each test waits for the same kind and words in the portal's answer and in the condition that the operator makes, and looks
that no order went out but those that should.
"""

import asyncio
import time
from decimal import Decimal

import pytest
from faults.hosting import SPEED
from faults.matrix import said
from faults.tenancy import MINUTE, MOST_S, tenancy
from live_world import holding

from tradewind_portal.keys.verifying import Verifier
from tradewind_runner import account_watching, book_paper, bot_loop, reporter
from tradewind_runner.brokers import ccxt_client
from tradewind_runner.feed import stream, tape

pytestmark = pytest.mark.slow
ORDER = {"method": "POST", "path": "/api/v3/order"}


def keys(name, *permissions):
    return [{"key": f"key-of-{name}", "secret": f"secret-of-{name}", "permissions": list(permissions)}]


@pytest.mark.parametrize(
    ("permissions", "code"), [(("read", "trade", "withdraw"), "KeyCanWithdraw"), (("read",), "KeyCannotTrade")]
)
async def test_a_key_with_the_wrong_permissions_is_not_taken(fast_server, tmp_path, permissions, code):
    """Asked about at the exchange by the portal's own process, refused by name, and not kept."""
    async with tenancy(tmp_path, fast_server, SPEED, Verifier()) as acme:
        acme.control("PUT", "accounts/rich", {"keys": keys("rich", *permissions)})
        answer = await acme.give_key("rich")
        assert (422, code) == (answer.status_code, answer.json()["code"])
        assert [] == (await acme.people.get("/exchange-keys")).json()["items"]


@pytest.mark.parametrize(
    ("permissions", "kind", "words"),
    [(("read", "trade", "withdraw"), "CredentialsUnsafe", "can withdraw"), (("read",), "CredentialsRefused", "cannot trade")],
)
async def test_f20_a_key_whose_permissions_have_changed_opens_nothing(acme, permissions, kind, words):
    """Harmless when it was added, not when the bot starts: it buys nothing, and the trader reads what to take away."""
    bot = await acme.live("later")
    acme.control("PUT", f"accounts/{bot.account}", {"keys": keys(bot.account, *permissions)})
    async with bot.run():
        await bot.told(kind, words)
        assert (True, kind) == bot.describe()["Halted"][:2]
        assert (False, kind) == bot.describe()["CredentialsValid"][:2]
        async with asyncio.timeout(MOST_S):
            while not (blocked := {item.data["blocked"] for item in await bot.events() if item.data.get("action") == "Enter"}):
                await asyncio.sleep(0.1)
        assert {"Refused", "CredentialsUnchecked"} >= {reason.partition(":")[0] for reason in blocked}
    assert [] == bot.posts()


async def test_f20_a_key_that_gains_withdrawal_under_a_bot_stops_its_purchases(acme, monkeypatch):
    """Asked each hour (here: twice a second): what it holds keeps its stop and is sold on demand, nothing is bought."""
    monkeypatch.setattr(account_watching, "KEY_S", 0.5)
    assert account_watching.KEY_S <= 3600
    bot = await acme.live("gains")
    async with bot.run() as running:
        await running.until(lambda: [order for order in bot.orders() if order["type"] == "STOP_LOSS_LIMIT"])
        acme.control("PUT", f"accounts/{bot.account}", {"keys": keys(bot.account, "read", "trade", "withdraw")})
        await bot.told("CredentialsUnsafe", "can withdraw")
        assert ["NEW"] == [order["status"] for order in bot.orders() if order["type"] == "STOP_LOSS_LIMIT"]
        running.bot.close_positions("CloseNow")
        await running.until(running.bot.flat)
        await running.decide(8)
        assert 1 == sum(order["side"] == "BUY" for order in bot.orders())
        acme.control("PUT", f"accounts/{bot.account}", {"keys": keys(bot.account, "read", "trade")})
        await running.until(lambda: sum(order["side"] == "BUY" for order in bot.orders()) > 1)
        await running.stop()
    await bot.check()


async def test_f20_nothing_is_bought_before_the_exchange_has_said_what_the_key_may_do(acme):
    """The question is not answered: the bot decides candle after candle, and each purchase names what it waits for."""
    question = {
        "match": {"path": "/sapi/v1/account/apiRestrictions"},
        "action": {"type": "answer", "status": 502, "body": "bad"},
    }
    acme.faults(question)
    bot = await acme.live("unasked")
    async with bot.run() as running:
        await bot.told("CredentialsUnchecked", "what the key may do")
        async with asyncio.timeout(MOST_S):
            while not (entries := [item.data["blocked"] for item in await bot.events() if item.data.get("action") == "Enter"]):
                await asyncio.sleep(0.1)
        assert {"CredentialsUnchecked"} == {reason.partition(":")[0] for reason in entries}
        assert "Reducing" == running.bot.trading()[0].state
        assert [] == bot.posts()
        acme.faults()
        await running.until(bot.orders)
        await running.stop()
    asked = [entry["seq"] for entry in bot.requests() if entry["path"].endswith("apiRestrictions") and entry["status"] == 200]
    assert min(asked) < min(entry["seq"] for entry in bot.posts())
    await bot.check()


async def test_a_key_that_is_revoked_at_the_exchange(acme):
    """The bot halts; nothing is sent any more."""
    bot = await acme.live("revoked")
    async with bot.run() as running:
        await running.until(bot.orders)
        acme.control("DELETE", f"accounts/{bot.account}/keys/key-of-{bot.account}")
        running.bot._balances_due.set()
        await bot.told("CredentialsRefused", "Invalid API-key")
        sent = len(bot.posts())
        await running.decide(8)
        assert sent == len(bot.posts())


async def test_a_symbol_that_the_exchange_does_not_trade(acme):
    """The pod ends and says its name."""
    bot = await acme.live("unknown", symbols=["NOPE/USDT"])
    await bot.fails()
    holds, reason, message = bot.describe()["Ready"]
    assert (False, "CrashLoopBackOff") == (holds, reason)
    assert "does not trade NOPE/USDT" in message
    assert [] == bot.posts()


async def test_capital_below_the_smallest_order(acme):
    """Nothing is sent; the trader reads what an order has to be worth."""
    bot = await acme.live("poor", capital={"currency": "USDT", "amount": "4"})
    async with bot.run():
        await bot.told("BelowMinimum", "4.00 buys", "5")
        assert "Halted" not in bot.describe()
    assert [] == bot.posts()


async def test_a_time_that_is_more_than_a_second_off(server, tmp_path, monkeypatch):
    """The exchange tells a wrong time, and so refuses ours: the bot waits before its first decision, and says so."""
    monkeypatch.setattr(reporter, "HEARTBEAT_S", 0.2)
    async with tenancy(tmp_path, server, 1.0) as acme:
        bot = await acme.live("skewed")
        ahead = {"serverTime": int(time.time() * 1000) + 60_000}
        acme.faults({"match": {"path": "/api/v3/time"}, "action": {"type": "answer", "status": 200, "body": ahead}})
        async with bot.run():
            await bot.told("NotReady", "ahead of the server's time")
        assert -1021 in {entry["code"] for entry in bot.requests()}
        assert [] == bot.posts()


async def test_a_time_that_nobody_knows_to_the_second(acme, monkeypatch):
    """Each answer about the time takes 2.5 s, so it is 1.25 s off at worst: nothing is bought until one comes quickly.

    The bot asks again soon, not when it would anyway.
    """
    monkeypatch.setattr(bot_loop, "CLOCK_EVERY_S", 3600.0)
    monkeypatch.setattr(bot_loop, "CLOCK_SOON_S", 0.5)
    slow = {"match": {"path": "/api/v3/time"}, "action": {"type": "delay", "seconds": 2.5}}
    acme.faults(slow)
    bot = await acme.live("vague")
    async with bot.run() as running:
        await bot.told("StaleData", "the exchange's time is not known well enough")
        await running.decide(8)
        assert [] == bot.posts()
        acme.faults()
        await running.until(bot.orders)
        await running.stop()
    await bot.check()


def candles(now_ms, place, column, value):
    """Return the last thousand candles of a minute, oldest first, with one value in one of them changed."""
    newest = now_ms // MINUTE * MINUTE
    rows = [[newest - number * MINUTE, "50000", "50010", "49990", "50000", "5"] for number in range(999, -1, -1)]
    told = [[*row, row[0] + 59_999, "500", 9, "2", "200", "0"] for row in rows]
    told[place][column] = value
    return told


IMPOSSIBLE = {"NaN": (-6, 4, "NaN"), "1e308": (-6, 2, "1e308"), "1e309": (-6, 2, "1e309"), "negative": (-6, 4, "-5")}
LEFT_OUT = {"no time": (-6, 0, None), "before time": (-6, 0, 1), "from the future": (-1, 0, 4_000_000_020_000)}


def answered_with(acme, body):
    """Have all questions for candles answered with a body, or with whatever else an action does."""
    action = {"type": "answer", "status": 200, "body": body} if isinstance(body, list) else body
    acme.faults({"match": {"method": "GET", "path": "/api/v3/klines"}, "action": action})


@pytest.mark.parametrize("garbage", LEFT_OUT)
async def test_a_candle_whose_time_cannot_be_is_left_out(acme, monkeypatch, garbage):
    """Nothing is decided on it; the others count, each once. The stream says something else: the trader reads that it lasts."""
    assert stream.DOUBT_S <= 30
    monkeypatch.setattr(stream, "DOUBT_S", 1.0)
    bot = await acme.live("garbled")
    now_ms = acme.server.get("time")["serverTime"]
    answered_with(acme, candles(now_ms, *LEFT_OUT[garbage]))
    async with bot.run():
        await bot.told("StaleData", "BTC/USDT: ", "outside the band, and the exchange's answers do not clear it up")
        decided = [item.data["candleOpenMs"] for item in await bot.events() if item.type == "Decision"]
        assert sorted(set(decided)) == decided
        assert [] == [
            time_ms for time_ms in decided if not now_ms - 1000 * MINUTE <= time_ms <= acme.server.get("time")["serverTime"]
        ]
        assert [] == bot.posts()


@pytest.mark.parametrize("garbage", [*IMPOSSIBLE, "no list", "html", "100 MB"])
async def test_candles_that_cannot_be(acme, garbage):
    """Nothing is decided on them, and nothing is bought; when they can be again the bot trades."""
    bot = await acme.live("garbled")
    if garbage in IMPOSSIBLE:
        answered_with(acme, candles(acme.server.get("time")["serverTime"], *IMPOSSIBLE[garbage]))
    else:
        made_up = {"no list": {"type": "answer", "status": 200, "body": {"hello": "world"}}, "html": {"type": "html200"}}
        answered_with(acme, made_up.get(garbage, {"type": "huge200", "megabytes": 100}))
    async with bot.run() as running:
        await bot.told("NotReady")
        assert [] == [item for item in await bot.events() if item.type == "Decision"]
        assert [] == bot.posts()
        acme.faults()
        await running.until(bot.orders)
        await running.stop()
    await bot.check()


FILL = {"price": "50000", "qty": "0.1", "commission": "0", "commissionAsset": "USDT", "tradeId": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"executedQty": "NaN"},
        {"executedQty": "1e308"},
        {"executedQty": "-1"},
        {"transactTime": 4_000_000_000_000, "time": 4_000_000_000_000},
        {"symbol": "ETHUSDT"},
        {"fills": [FILL, FILL | {"qty": "0.2"}]},
        None,
    ],
    ids=["NaN", "1e308", "negative", "future", "other", "one id for two trades", "100 MB"],
)
async def test_an_order_whose_answers_cannot_be(acme, monkeypatch, changes):
    """Sent once, in doubt for as long as nothing that can be is answered, and told of; then the ledger has what there is."""
    monkeypatch.setattr(ccxt_client, "TIMEOUT_MS", 3_000)
    bot = await acme.live("doubt")
    body = {
        "symbol": "BTCUSDT",
        "orderId": 1,
        "side": "BUY",
        "type": "MARKET",
        "status": "FILLED",
        "price": "0",
        "origQty": "1",
    }
    body |= {"executedQty": "1", "cummulativeQuoteQty": "50000", "transactTime": 1, "time": 1, "fills": [FILL, FILL]}
    action = {"type": "huge200", "megabytes": 100} if changes is None else {"type": "answer", "status": 200}
    if changes is not None:
        action["body"] = body | changes
    silent = {"match": {"method": "EVENT", "path": "executionReport"}, "action": "suppress"}
    rules = [
        {"match": {"method": method, "path": "/api/v3/order"}, "when": "after", "action": action} for method in ("POST", "GET")
    ]
    acme.faults(silent, *rules)
    async with bot.run() as running:
        await bot.told("InDoubt", "the exchange is being asked about order")
        await running.decide(8)
        assert 1 == len(bot.posts())
        acme.faults()
        await running.until(lambda: running.bot.state.positions)
        await running.until(lambda: [order for order in bot.orders() if order["type"] == "STOP_LOSS_LIMIT"])
        await running.stop()
    assert 1 == sum(order["side"] == "BUY" for order in bot.orders())
    await bot.check()


async def test_a_trade_that_is_told_twice_counts_once(acme):
    """One id, two lines in the answer: the ledger has the trade once, by its id."""
    bot = await acme.live("twice", strategy={"document": holding(stopLossPercent=50)})
    twice = {"match": {"method": "EVENT", "path": "executionReport"}, "action": {"type": "duplicate", "times": 2}}
    acme.faults(twice)
    async with bot.run() as running:
        await running.until(lambda: running.bot.state.positions)
        await running.decide(3)
        await running.stop()
    fills = [item.data for item in await bot.events() if item.type == "Filled"]
    assert len(fills) == len({fill["tradeId"] for fill in fills})
    assert Decimal(0) < sum(Decimal(fill["amount"]) for fill in fills)
    await bot.check()


async def test_a_book_that_is_crossed_fills_no_paper_order(server, tmp_path, monkeypatch):
    """Bids above asks: the bot does not begin, and says why; once the book can be it does."""
    monkeypatch.setattr(reporter, "HEARTBEAT_S", 0.2)
    monkeypatch.setattr(book_paper, "FIRST_BOOKS_S", 1.0)
    monkeypatch.setattr(tape, "BLIND_S", 0.5)
    async with tenancy(tmp_path, server, 1.0) as acme:
        told = server.get("depth?symbol=BTCUSDT&limit=100")
        body = told | {"bids": [["60000.00000000", "1.00000000"], *told["bids"]]}
        depth = {"method": "GET", "path": "/api/v3/depth"}
        acme.faults({"match": depth, "action": {"type": "answer", "status": 200, "body": body}})
        bot = await acme.live("crossed", mode="Paper", paperFill="Book", credentials=None)
        async with bot.run() as running:
            await bot.told("NotReady", "no book can bid 60000")
            acme.faults()
            await running.until(lambda: "let us in" not in running.process.ready())


async def test_books_that_are_crossed_later_let_nothing_be_bought(acme, monkeypatch):
    """The stream's book breaks, and the one that is asked for is crossed: stale data, and no fill, until it can be again."""
    monkeypatch.setattr(tape, "BLIND_S", 0.2)
    bot = await acme.live("later", mode="Paper", paperFill="Book", credentials=None)
    async with bot.run() as running:
        await running.until(lambda: running.bot.state.positions)
        running.bot.close_positions("CloseNow")
        await running.until(running.bot.flat)
        told = acme.server.get("depth?symbol=BTCUSDT&limit=100")
        body = told | {"lastUpdateId": 10**15, "bids": [[str(2 * float(told["asks"][0][0])), "1"], *told["bids"]]}
        depth = {"match": {"method": "GET", "path": "/api/v3/depth"}, "action": {"type": "answer", "status": 200, "body": body}}
        acme.faults(depth, {"match": {"method": "EVENT", "path": "*@depth*"}, "action": "suppress", "times": 3})
        await bot.told("StaleData", "no order book of BTC/USDT")
        filled = len([item for item in await bot.events() if item.type == "Filled"])
        await running.decide(8)
        assert filled == len([item for item in await bot.events() if item.type == "Filled"])
        acme.faults()
        await running.until(lambda: running.bot.state.positions)
        await running.stop()


async def test_balances_that_cannot_be(acme):
    """Nothing can be compared: the bot does not begin, and says why."""
    bot = await acme.live("poor-words")
    wrong = said(200, 0, "?")["body"] | {"balances": [{"asset": "USDT", "free": "NaN", "locked": "-1"}]}
    answer = {"type": "answer", "status": 200, "body": wrong}
    acme.faults({"match": {"method": "GET", "path": "/api/v3/account"}, "action": answer})
    async with bot.run():
        await bot.told("NotReady", "the exchange cannot be asked what it has")
    assert [] == bot.posts()
