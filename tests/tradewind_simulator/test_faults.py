"""The fault plane: what a client sees is one thing, what the exchange did is another, and the journal tells both."""

import asyncio
import http.client
import json
from decimal import Decimal

import pytest
from signed_client import KEY, SECRET, SignedClient, account
from simulator_process import Server

pytestmark = pytest.mark.slow

ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
MATCH = {"method": "POST", "path": "/api/v3/order"}


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    accounts = {"bot": account(USDT="1000000", BTC="5")}
    found = Server(tmp_path_factory.mktemp("faults"), "--accounts", json.dumps(accounts), "--order-limit-10s", "0")
    yield found
    assert 0 == found.stop()


@pytest.fixture
def server(process):
    process.ask_control("DELETE", "journal")
    yield process
    process.ask_control("DELETE", "faults")


def script(server, *rules):
    found = server.ask_control("PUT", "faults", list(rules))
    assert isinstance(found, list), found


def outcome(server, client, cid):
    """Return what a client sees of an order, and what the journal says of it."""
    try:
        status, _, body = client.ask("POST", "/api/v3/order", **ORDER, newClientOrderId=cid)
        seen = (status, body[:1])
    except (OSError, http.client.HTTPException) as exc:
        seen = type(exc).__name__
    [entry] = [each for each in server.ask_control("GET", "journal?method=POST") if each["params"]["newClientOrderId"] == cid]
    return seen, entry


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("action", "seen", "told"),
    [
        ("drop", "TimeoutError", None),
        ("reset", "ConnectionResetError", None),
        ("close", "IncompleteRead", None),
        ({"type": "answer", "status": 502, "body": "<html>"}, (502, b"<"), 502),
        ({"type": "answer", "status": 400, "body": {"code": -1007}}, (400, b"{"), 400),
        ("html200", (200, b"<"), 200),
        ("empty200", (200, b""), 200),
        ("truncated200", (200, b"{"), 200),
    ],
)
def test_an_answer_is_lost_before_or_after_the_order(server, when, action, seen, told):
    """After: the order is filled and nobody was told. Before: the exchange has never seen it."""
    script(server, {"match": MATCH, "when": when, "action": action})
    name = action if isinstance(action, str) else str(action["status"])
    client, cid = SignedClient(server.rest, timeout=0.3), f"lost-{when}-{name}"
    found, entry = outcome(server, client, cid)
    assert seen == found
    assert (when == "after", told, [1]) == (entry["executed"], entry["status"], entry["faults"])
    server.ask_control("DELETE", "faults")
    status, looked = client.json("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId=cid)
    assert ((200, "FILLED") if when == "after" else (400, None)) == (status, looked.get("status"))
    assert entry["orderId"] == looked.get("orderId")


def test_an_answer_of_any_length(server):
    """Whole JSON of so many megabytes; the order stands."""
    script(server, {"match": MATCH, "when": "after", "action": {"type": "huge200", "megabytes": 3}})
    status, body = SignedClient(server.rest).json("POST", "/api/v3/order", **ORDER, newClientOrderId="huge")
    assert (200, ["pad"], 3_000_000) == (status, list(body), len(body["pad"]))
    server.ask_control("DELETE", "faults")
    looked = SignedClient(server.rest).json("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="huge")
    assert "FILLED" == looked[1]["status"]


def test_a_delay_delays_and_changes_nothing(server):
    """The answer comes, later than a client waits."""
    script(server, {"match": MATCH, "when": "after", "times": 1, "action": {"type": "delay", "seconds": 0.4}})
    assert "TimeoutError" == outcome(server, SignedClient(server.rest, timeout=0.2), "late")[0]
    assert (200, b"{") == outcome(server, SignedClient(server.rest), "in-time")[0]


def test_rules_choose_by_number_symbol_and_client_id(server):
    """The second of those that begin with `x-`, once."""
    action = {"type": "answer", "status": 503}
    script(server, {"match": {**MATCH, "cid": "x-*", "symbol": "BTC*", "nth": 2}, "action": action})
    client = SignedClient(server.rest)
    found = [outcome(server, client, cid)[0][0] for cid in ("x-1", "y-1", "x-2", "x-3")]
    assert [200, 200, 503, 200] == found
    [rule] = server.ask_control("GET", "faults")
    assert (3, 1) == (rule["fitted"], rule["applied"])


def test_look_ups_lag_behind(server):
    """Not found three times, then it is there: in no list either."""
    script(server, {"match": MATCH, "when": "after", "action": {"type": "lag", "times": 3}})
    client = SignedClient(server.rest)
    outcome(server, client, "lags")
    symbol = {"symbol": "BTCUSDT"}
    found = [client.json("GET", "/api/v3/order", **symbol, origClientOrderId="lags") for _ in range(2)]
    assert [-2013, -2013] == [body["code"] for _, body in found]
    listed = client.json("GET", "/api/v3/allOrders", **symbol)[1]
    assert "lags" not in {row["clientOrderId"] for row in listed}
    assert "FILLED" == client.json("GET", "/api/v3/order", **symbol, origClientOrderId="lags")[1]["status"]


@pytest.mark.parametrize("skew", [1300, -6000])
def test_the_exchange_s_clock_is_wrong(server, skew):
    """The client's time is then refused; what the exchange tells as its time is accepted."""
    script(server, {"action": {"type": "skew", "ms": -skew}})
    client = SignedClient(server.rest)
    status, body = client.json("GET", "/api/v3/account")
    assert (400, -1021) == (status, body["code"])
    told = server.get("time")["serverTime"]
    assert 200 == client.json("GET", "/api/v3/account", timestamp=told)[0]


def test_a_key_is_revoked_in_the_middle(server):
    """From the second order on it is unknown; taken back with the script."""
    script(server, {"match": {**MATCH, "nth": 2}, "action": {"type": "revoke", "key": KEY}})
    client = SignedClient(server.rest)
    assert [200, 401, 401] == [outcome(server, client, f"revoked-{n}")[0][0] for n in range(3)]
    server.ask_control("DELETE", "faults")
    assert 200 == client.json("GET", "/api/v3/account")[0]


def test_an_address_is_banned(server):
    """418 for public paths too."""
    script(server, {"action": {"type": "ban", "ip": "127.0.0.1", "seconds": 60}})
    status, headers, _ = SignedClient(server.rest).ask("GET", "/api/v3/time", sign=False)
    assert (418, True) == (status, 0 < int(headers["Retry-After"]) <= 60)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"action": "explode"}, "one of"),
        ({"action": {"type": "delay"}}, "needs seconds"),
        ({"action": {"type": "delay", "seconds": "long"}}, "cannot be"),
        ({"action": {"type": "halt", "symbol": "NOPE"}}, "not listed"),
        ({"action": {"type": "answer", "status": 99}}, "no status"),
        ({"action": "drop", "when": "later"}, "before or after"),
        ({"action": "drop", "match": {"url": "x"}}, "a match has"),
        ({"action": "drop", "match": {"nth": "two"}}, "nth is a number"),
        ({"action": "drop", "tiems": 1}, "it has no tiems; wanted is"),
        ("drop", "wanted is"),
        ({"action": {"type": "filters", "symbol": "BTCUSDT", "filters": {"LOT_SIZE": {"minQty": "x"}}}}, "makes no filter"),
    ],
)
def test_a_bad_script_is_refused_and_changes_nothing(server, rule, words):
    """422 with the rule that is wrong; what was there before goes on."""
    script(server, {"match": MATCH, "action": "drop"})
    found = server.ask_control("PUT", "faults", [rule])
    assert (422, True) == (found["status"], words in found["detail"]), found
    assert 1 == len(server.ask_control("GET", "faults"))
    assert 422 == server.ask_control("PUT", "faults", {"not": "a list"})["status"]


# What unmodified ccxt raises, or the id that it takes from an answer that is none; the first sixteen orders are executed.
TABLE = [
    ({"type": "answer", "status": 500, "body": "x"}, "ExchangeNotAvailable"),
    ({"type": "answer", "status": 503, "body": "x"}, "ExchangeNotAvailable"),
    ({"type": "answer", "status": 504, "body": "x"}, "RequestTimeout"),
    ({"type": "answer", "status": 400, "body": {"code": -1007, "msg": "Timeout"}}, "RequestTimeout"),
    ({"type": "answer", "status": 400, "body": {"code": -1006, "msg": "Unexpected"}}, "OperationFailed"),
    ({"type": "answer", "status": 400, "body": {"code": -1001, "msg": "Internal"}}, "OperationFailed"),
    ({"type": "answer", "status": 400, "body": {"code": -1008, "msg": "Server is overloaded"}}, "ExchangeError"),
    ({"type": "answer", "status": 429, "body": {"code": -1003, "msg": "Too many"}}, "DDoSProtection"),
    ({"type": "answer", "status": 403, "body": "x"}, "ExchangeNotAvailable"),
    ({"type": "answer", "status": 451, "body": "x"}, "ExchangeNotAvailable"),
    ({"type": "answer", "status": 503, "body": {"code": 0, "msg": "System is under maintenance."}}, "OnMaintenance"),
    ("reset", "ExchangeNotAvailable"),
    ("drop", "RequestTimeout"),
    ("close", "ExchangeError"),
    ("html200", "id None"),
    ("empty200", "id None"),
    ({"type": "revoke", "key": KEY}, "DDoSProtection"),
    ({"type": "skew", "ms": 16_000}, "InvalidNonce"),
    ({"type": "halt", "symbol": "BTCUSDT"}, "MarketClosed"),
    ({"type": "filters", "symbol": "BTCUSDT", "filters": {"NOTIONAL": {"minNotional": "9000"}}}, "BadRequest"),
    ({"type": "filters", "symbol": "BTCUSDT", "filters": {"LOT_SIZE": {"minQty": "7"}}}, "InvalidOrder"),
    ({"type": "ban", "ip": "127.0.0.1"}, "DDoSProtection"),
]


def test_what_unmodified_ccxt_makes_of_each_fault(server):
    """Its class, after one good call; some of them say nothing about what became of the order."""
    import ccxt.async_support as ccxt

    async def talk():
        api = f"http://127.0.0.1:{server.rest}"
        urls = {"api": {"public": f"{api}/api/v3", "private": f"{api}/api/v3", "sapi": f"{api}/sapi/v1"}}
        options = {"fetchMarkets": {"types": ["spot"]}}
        settings = {"apiKey": KEY, "secret": SECRET, "urls": urls, "options": options, "timeout": 300, "enableRateLimit": False}
        exchange = ccxt.binance(settings)
        found = []
        try:
            await exchange.load_markets()
            await exchange.fetch_balance()
            for number, (action, _) in enumerate(TABLE):
                rule = {"match": MATCH, "when": "after", "action": action}
                if isinstance(action, dict) and action["type"] != "answer":
                    rule = {"action": action}
                await asyncio.to_thread(script, server, rule)
                try:
                    order = await exchange.create_order(
                        "BTC/USDT", "market", "buy", 0.01, None, {"clientOrderId": f"t{number}"}
                    )
                    found.append(f"id {order['id']}")
                except ccxt.BaseError as exc:
                    found.append(type(exc).__name__)
                await asyncio.to_thread(server.ask_control, "DELETE", "faults")
        finally:
            await exchange.close()
        return found

    found = asyncio.run(talk())
    assert [name for _, name in TABLE] == found
    executed = [entry["executed"] for entry in server.ask_control("GET", "journal?method=POST&path=/api/v3/order")]
    assert [True] * 16 + [False] * 6 == executed


def test_ccxt_buys_sells_and_books_each_once(server):
    """Market and limit, partly filled and cancelled, stop-loss-limit; what it owns afterwards is what it was told."""
    import ccxt

    api = f"http://127.0.0.1:{server.rest}"
    urls = {"api": {"public": f"{api}/api/v3", "private": f"{api}/api/v3", "sapi": f"{api}/sapi/v1"}}
    exchange = ccxt.binance(
        {
            "apiKey": KEY,
            "secret": SECRET,
            "urls": urls,
            "options": {"fetchMarkets": {"types": ["spot"]}},
            "enableRateLimit": False,
        }
    )
    try:
        exchange.load_markets()
        before = exchange.fetch_balance()["total"]
        bought = exchange.create_order("BTC/USDT", "market", "buy", 0.02, None, {"clientOrderId": "in"})
        assert ("closed", 0.02) == (bought["status"], bought["filled"])
        price = exchange.fetch_ticker("BTC/USDT")["last"]
        stop = {"stopLossPrice": price * 0.8, "clientOrderId": "stop"}
        exchange.create_order("BTC/USDT", "limit", "sell", 0.01, price * 0.79, stop)
        exchange.create_order("BTC/USDT", "limit", "buy", 0.01, price * 0.9, {"clientOrderId": "far"})
        assert {"stop", "far"} == {order["clientOrderId"] for order in exchange.fetch_open_orders("BTC/USDT")}
        for cid in ("stop", "far"):
            exchange.cancel_order(None, "BTC/USDT", {"clientOrderId": cid})
            assert "canceled" == exchange.fetch_order(None, "BTC/USDT", {"clientOrderId": cid})["status"]
        sold = exchange.create_order("BTC/USDT", "limit", "sell", 0.01, price * 0.95, {"clientOrderId": "out"})
        assert "closed" == sold["status"]
        trades = [trade for trade in exchange.fetch_my_trades("BTC/USDT") if trade["order"] in {bought["id"], sold["id"]}]
        after = exchange.fetch_balance()
        change = Decimal(str(after["total"]["BTC"])) - Decimal(str(before["BTC"]))
        assert Decimal("0.00998") == change  # 0.02 bought less a thousandth, 0.01 sold
        assert 0 == after["used"]["BTC"] == after["used"]["USDT"]
        assert {"buy": "BTC", "sell": "USDT"} == {trade["side"]: trade["fee"]["currency"] for trade in trades}
    finally:
        exchange.session.close()


def test_the_exchange_s_own_client_understands_every_answer(server):
    """binance-sdk-spot parses what it is sent into its own models."""
    from binance_common.configuration import ConfigurationRestAPI
    from binance_sdk_spot.rest_api.rest_api import SpotRestAPI

    api = SpotRestAPI(
        ConfigurationRestAPI(api_key=KEY, api_secret=SECRET, base_path=f"http://127.0.0.1:{server.rest}", retries=0)
    )
    price = Decimal(server.get("ticker/price?symbol=BTCUSDT")["price"])
    placed = api.new_order("BTCUSDT", "BUY", "MARKET", quantity=0.01, new_client_order_id="sdk").data()
    assert ("FILLED", "sdk", "BTC") == (placed.status, placed.client_order_id, placed.fills[0].commission_asset)
    limit = api.new_order("BTCUSDT", "BUY", "LIMIT", time_in_force="GTC", quantity=0.01, price=float(int(price / 2))).data()
    assert "NEW" == api.get_order("BTCUSDT", order_id=limit.order_id).data().status
    assert [limit.order_id] == [order.order_id for order in api.get_open_orders("BTCUSDT").data()]
    assert "CANCELED" == api.delete_order("BTCUSDT", order_id=limit.order_id).data().status
    assert {"BTC", "USDT"} <= {row.asset for row in api.get_account().data().balances}
    assert placed.order_id in {trade.order_id for trade in api.my_trades("BTCUSDT").data()}
    assert "0.00100000" == api.account_commission("BTCUSDT").data().standard_commission.maker
    assert api.all_orders("BTCUSDT").data()
    assert ["DAY"] == [row.interval for row in api.rate_limit_order().data()]
