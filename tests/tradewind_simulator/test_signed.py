"""Signed calls over real sockets: keys and signatures, times, filters, limits, and the words in which they are refused."""

import json
import socket
import subprocess
import sys
import time
from decimal import Decimal

import pytest
from signed_client import KEY, SECRET, SignedClient, account
from simulator_process import Server

pytestmark = pytest.mark.slow

WORDS = {
    -1022: "Signature for this request is not valid.",
    -2014: "API-key format invalid.",
    -2015: "Invalid API-key, IP, or permissions for action.",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    accounts = {
        "bot": account(USDT="100000", BTC="5"),
        "reader": {"keys": [{"key": "r" * 64, "secret": SECRET, "permissions": ["read", "withdraw"]}]},
    }
    limits = ("--order-limit-10s", "0", "--weight-limit", "0")
    found = Server(tmp_path_factory.mktemp("signed"), "--accounts", json.dumps(accounts), *limits)
    yield found
    assert 0 == found.stop()


@pytest.fixture
def client(server):
    return SignedClient(server.rest)


@pytest.fixture(scope="module")
def price(server):
    return Decimal(server.get("ticker/price?symbol=BTCUSDT")["price"])


def test_a_signature_stands_for_exactly_what_was_sent(server, client):
    """In the query or in the body; with another secret, or without one, it is refused."""
    assert 200 == client.json("GET", "/api/v3/account")[0]
    for in_body in (True, False):
        assert (200, {}) == client.json(
            "POST", "/api/v3/order/test", in_body=in_body, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01"
        )
    wrong = SignedClient(server.rest, secret="other")
    assert (400, {"code": -1022, "msg": WORDS[-1022]}) == wrong.json("GET", "/api/v3/account")
    assert (400, -1102) == _code(client.json("GET", "/api/v3/account", sign=False, timestamp=int(time.time() * 1000)))


def test_keys_that_are_none_and_keys_that_may_not(server):
    """No key, an unknown one, and one that may only read."""
    assert (401, {"code": -2014, "msg": WORDS[-2014]}) == SignedClient(server.rest, key="").json("GET", "/api/v3/account")
    refused = (401, {"code": -2015, "msg": WORDS[-2015]})
    assert refused == SignedClient(server.rest, key="x" * 64).json("GET", "/api/v3/account")
    reader = SignedClient(server.rest, key="r" * 64)
    assert 200 == reader.json("GET", "/api/v3/account")[0]
    assert refused == reader.order(price="50000")
    found = reader.json("GET", "/sapi/v1/account/apiRestrictions")[1]
    assert [True, False, True] == [found[f"enable{name}"] for name in ("Reading", "SpotAndMarginTrading", "Withdrawals")]


@pytest.mark.parametrize(("offset", "window", "code"), [(1500, None, -1021), (-6000, None, -1021), (-1500, 1000, -1021)])
def test_a_clock_that_is_wrong_is_refused(client, offset, window, code):
    """A second ahead, or further behind than the window."""
    stamp = int(time.time() * 1000) + offset
    assert (400, code) == _code(client.json("GET", "/api/v3/account", timestamp=stamp, recvWindow=window))
    assert 200 == client.json("GET", "/api/v3/account", timestamp=int(time.time() * 1000) - 6000, recvWindow=60000)[0]


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({"price": "{half}.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "20000000"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "{half}", "quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"price": "{half}", "quantity": "9000001"}, -1013, "Filter failure: LOT_SIZE"),
        (
            {"type": "MARKET", "timeInForce": None, "quantity": "100001"},
            -1013,
            "Filter failure: MARKET_LOT_SIZE",
        ),
        ({"price": "{half}", "quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        ({"type": "MARKET", "timeInForce": None, "quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        ({"price": "1000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"price": "{half}", "quantity": "0"}, -1013, "Invalid quantity."),
        ({"price": "{half}", "quantity": "0.123456789"}, -1111, "Parameter 'quantity' has too much precision."),
        ({"price": "{half}", "quantity": "abc"}, -1100, None),
        ({"price": "{half}", "quantity": "-1"}, -1100, None),
        ({"price": "NaN"}, -1100, None),
        ({"price": "1e308"}, -1100, None),
        ({"price": None}, -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
        ({"price": "{half}", "timeInForce": None}, -1102, None),
        ({"price": "{half}", "timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({"price": "{half}", "side": "LONG"}, -1117, "Invalid side."),
        ({"price": "{half}", "type": "ICEBERG"}, -1116, "Invalid orderType."),
        ({"price": "{half}", "symbol": "NOPE"}, -1121, "Invalid symbol."),
        ({"price": "{half}", "stopPrice": "1"}, -1106, "Parameter 'stopPrice' sent when not required."),
        ({"price": "{half}", "newClientOrderId": "no blanks"}, -1100, None),
        ({"price": "{half}", "quantity": "3"}, None, None),
        ({"price": "{half}", "quantity": "30"}, -2010, "Account has insufficient balance for requested action."),
        (
            {"type": "LIMIT_MAKER", "timeInForce": None, "price": "{twice}"},
            -2010,
            "Order would immediately match and take.",
        ),
        (
            {"type": "STOP_LOSS_LIMIT", "side": "SELL", "price": "{half}", "stopPrice": "{twice}"},
            -2010,
            "Order would trigger immediately.",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_the_exchange_s_words(client, price, params, code, message):
    """Code and message of its documentation; the one that fits is taken, and cancelled again."""
    half, twice = str(int(price / 2)), str(int(price * 2))
    wanted = {name: value and value.format(half=half, twice=twice) for name, value in params.items()}
    status, found = client.order(**wanted)
    if code is None:
        assert (200, "NEW") == (status, found["status"])
        assert 1 == len(client.json("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")[1])
        return
    assert (400, code) == (status, found["code"])
    assert message in {None, found["msg"]}


def test_no_more_orders_than_the_filter_allows(server, client, price):
    """Changed to two, the third is refused; five stops are the most of any."""
    rule = {"type": "filters", "symbol": "BTCUSDT", "filters": {"MAX_NUM_ORDERS": {"maxNumOrders": 2}}}
    server.ask_control("PUT", "faults", [{"action": rule}])
    half = str(int(price / 2))
    codes = [client.order(price=half)[1].get("code") for _ in range(3)]
    assert [None, None, -1013] == codes
    shown = {item["filterType"]: item for item in server.get("exchangeInfo?symbol=BTCUSDT")["symbols"][0]["filters"]}
    assert 2 == shown["MAX_NUM_ORDERS"]["maxNumOrders"]
    server.ask_control("DELETE", "faults")
    client.json("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")


@pytest.mark.parametrize("status", ["HALT", "BREAK"])
def test_a_symbol_that_does_not_trade_takes_no_orders(server, client, price, status):
    """And says so in exchangeInfo; another symbol goes on."""
    server.ask_control("PUT", "faults", [{"action": {"type": "halt", "symbol": "BTCUSDT", "status": status}}])
    assert (400, {"code": -2010, "msg": "Market is closed."}) == client.order(price=str(int(price / 2)))
    assert status == server.get("exchangeInfo?symbol=BTCUSDT")["symbols"][0]["status"]
    assert 200 == client.order(symbol="ETHUSDT", type="MARKET", timeInForce=None)[0]
    server.ask_control("DELETE", "faults")


def test_the_life_of_an_order(client, price):
    """Placed, found by both ids, listed, cancelled once; the second time nobody knows it."""
    symbol, half = {"symbol": "BTCUSDT"}, str(int(price / 2))
    placed = client.order(price=half, newClientOrderId="life")[1]
    by_id = client.json("GET", "/api/v3/order", **symbol, orderId=placed["orderId"])[1]
    by_cid = client.json("GET", "/api/v3/order", **symbol, origClientOrderId="life")[1]
    assert by_id == by_cid
    assert ("NEW", "0.01000000", placed["orderId"]) == (by_id["status"], by_id["origQty"], by_id["orderId"])
    assert [by_id] == client.json("GET", "/api/v3/openOrders", **symbol)[1]
    assert (400, -2010) == _code(client.order(price=half, newClientOrderId="life"))
    assert "CANCELED" == client.json("DELETE", "/api/v3/order", **symbol, origClientOrderId="life")[1]["status"]
    assert (400, {"code": -2011, "msg": "Unknown order sent."}) == client.json(
        "DELETE", "/api/v3/order", **symbol, origClientOrderId="life"
    )
    assert (400, {"code": -2013, "msg": "Order does not exist."}) == client.json(
        "GET", "/api/v3/order", **symbol, origClientOrderId="never"
    )
    assert "life" == client.json("GET", "/api/v3/allOrders", **symbol)[1][-1]["clientOrderId"]
    assert (400, -1102) == _code(client.json("GET", "/api/v3/order", **symbol))


def test_cancel_and_replace(client, price):
    """Both, neither where the first must succeed, and one of the two."""
    symbol, half = {"symbol": "BTCUSDT"}, str(int(price / 2))
    replace = {**symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": half}
    client.order(price=half, newClientOrderId="first")

    def ask(mode, cid, **more):
        wanted = replace | {"cancelReplaceMode": mode, "cancelOrigClientOrderId": cid} | more
        return client.json("POST", "/api/v3/order/cancelReplace", **wanted)

    status, found = ask("STOP_ON_FAILURE", "first", newClientOrderId="second")
    assert (200, "SUCCESS", "SUCCESS") == (status, found["cancelResult"], found["newOrderResult"])
    status, found = ask("STOP_ON_FAILURE", "first")
    assert (400, -2022, "NOT_ATTEMPTED") == (status, found["code"], found["data"]["newOrderResult"])
    status, found = ask("ALLOW_FAILURE", "first", newClientOrderId="third")
    assert (409, -2021, "SUCCESS") == (status, found["code"], found["data"]["newOrderResult"])
    cancelled = client.json("DELETE", "/api/v3/openOrders", **symbol)[1]
    assert ["second", "third"] == [order["origClientOrderId"] for order in cancelled]


def test_another_hand_trades_on_the_account(server, client):
    """Its order is on the exchange like any other, and balances can be set."""
    order = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1", "newClientOrderId": "by-hand"}
    placed = server.ask_control("POST", "accounts/bot/orders", order)
    found = client.json("GET", "/api/v3/order", symbol="ETHUSDT", origClientOrderId="by-hand")[1]
    assert (placed["orderId"], "FILLED") == (found["orderId"], found["status"])
    account = server.ask_control("PUT", "accounts/bot", {"balances": {"SOL": "12.5000", "ADA": "0E-7"}})
    assert ("12.5", "0") == tuple(account["balances"][asset]["free"] for asset in ("SOL", "ADA"))
    balances = {row["asset"]: row["free"] for row in client.json("GET", "/api/v3/account")[1]["balances"]}
    assert "12.50000000" == balances["SOL"]
    assert SECRET not in json.dumps(server.ask_control("GET", "accounts"))
    assert 422 == server.ask_control("PUT", "accounts/bot", {"balances": {"SOL": "nan"}})["status"]
    assert "NotFound" == server.ask_control("GET", "accounts/nobody")["code"]


def test_accounts_are_made_changed_and_their_keys_revoked(server):
    """Over the control port; a bad wish is refused whole, and a key belongs to one account."""
    made = server.ask_control("PUT", "accounts/new", {"balances": {"USDT": "5"}, "keys": [{"key": "n" * 64, "secret": "x"}]})
    assert {"USDT": {"free": "5", "locked": "0"}} == made["balances"]
    client = SignedClient(server.rest, key="n" * 64, secret="x")
    assert 200 == client.json("GET", "/api/v3/account")[0]
    for wrong in (
        {"keys": [{"key": "n" * 64}]},
        {"keys": [{"key": KEY, "secret": "y"}]},
        {"keys": [{"key": "z", "secret": "y", "permissions": ["all"]}]},
        {"fees": {"taker": "1.5"}, "balances": {"USDT": "9"}},
        {"balances": {"USDT": -1}},
        {"balance": {}},
        [],
    ):
        assert 422 == server.ask_control("PUT", "accounts/new", wrong)["status"]
    assert "5" == server.ask_control("GET", "accounts/new")["balances"]["USDT"]["free"]
    assert server.ask_control("DELETE", f"accounts/new/keys/{'n' * 64}")["keys"][0]["revoked"]
    assert (401, -2015) == _code(client.json("GET", "/api/v3/account"))
    assert "NotFound" == server.ask_control("DELETE", "accounts/new/keys/other")["code"]


def test_limits_have_headers_and_end_in_a_ban(tmp_path):
    """Weight is counted; too many orders are 429 with Retry-After; who goes on is 418."""
    limits = ("--weight-limit", "100", "--order-limit-10s", "2", "--accounts", json.dumps({"bot": account(USDT="1000")}))
    start = ("--start-ms", "1750000000000", "--speed", "0.001")  # so slow that no window ends meanwhile
    server = Server(tmp_path, *limits, *start)
    try:
        client = SignedClient(server.rest)
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "10"}
        counted = [client.ask("POST", "/api/v3/order", **order)[1] for _ in range(2)]
        assert ["1", "2"] == [headers["X-MBX-ORDER-COUNT-10S"] for headers in counted]
        status, headers, body = client.ask("POST", "/api/v3/order", **order)
        assert (429, -1015) == (status, json.loads(body)["code"])
        assert int(headers["Retry-After"]) > 0
        counts = client.json("GET", "/api/v3/rateLimit/order")[1]
        assert [2, 2] == [row["count"] for row in counts]
        seen = []
        for _ in range(30):
            status, headers, body = client.ask("GET", "/api/v3/account")
            seen.append((status, json.loads(body).get("code")))
        assert {(200, None), (429, -1003), (418, -1003)} == set(seen)
        assert (418, -1003) == seen[-1]
        assert int(headers["Retry-After"]) > 0
        assert 418 == client.ask("GET", "/api/v3/ping", sign=False)[0]
    finally:
        server.stop()


def test_rules_of_a_recorded_exchange_info(recorded, tmp_path):
    """1,695 real symbols with the filters of their time: MIN_NOTIONAL is enforced by that name."""
    file = recorded / "protocol/binance_spot_exchangeInfo_20211012.json.gz"
    accounts = ("--accounts", json.dumps({"bot": account(USDT="1000")}))
    server = Server(tmp_path, "--exchange-info", str(file), *accounts)
    try:
        assert 1695 == len(server.get("exchangeInfo")["symbols"])
        client = SignedClient(server.rest)
        small = {"quantity": "0.0001", "type": "MARKET", "timeInForce": None}
        assert (400, {"code": -1013, "msg": "Filter failure: MIN_NOTIONAL"}) == client.order(**small)
        assert 200 == client.order(**(small | {"quantity": "0.001"}))[0]
        statuses = {item["symbol"]: item["status"] for item in server.get("exchangeInfo")["symbols"]}
        assert "BREAK" == statuses["BCCBTC"]
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--exchange-info", "{rules}"], "rules.json is no recorded exchangeInfo"),
        (["--exchange-info", "{rules}.gone"], "No such file"),
        (["--accounts", "nonsense"], "accounts"),
        (["--accounts", '{"a": {"balances": {"USDT": "-1"}}}'], "-1 is no amount"),
        (["--accounts", '{"a": {"keys": [{"secret": "hush"}]}}'], "a key is"),
        (["--port", "{taken}"], "cannot listen on 127.0.0.1"),
    ],
)
def test_bad_settings_end_the_process_with_a_reason(tmp_path, arguments, words):
    """One line, exit code 2, and no secret in it."""
    rules = tmp_path / "rules.json"
    rules.write_text("{}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = [text.replace("{rules}", str(rules)).replace("{taken}", str(taken.getsockname()[1])) for text in arguments]
        command = [sys.executable, "-m", "tradewind_simulator", "--port", "0", "--control-port", "0", *given]
        ended = subprocess.run([*command, "--state-dir", str(tmp_path)], capture_output=True, text=True, check=False)
    assert 2 == ended.returncode, ended.stderr
    assert words in ended.stdout
    assert "hush" not in ended.stdout + ended.stderr


def _code(found):
    status, body = found
    return status, body["code"]


def test_a_limit_order_is_filled_in_parts_and_the_rest_cancelled(tmp_path):
    """Each minute trades 1 at its low of 99: two minutes fill 2 of 3; the clock is moved by hand, as it stands still."""
    first = 1_750_000_000_000 // 60_000 * 60_000
    rows = "".join(f"{first + minute * 60_000},100,101,99,100,4\n" for minute in range(40))
    start = ("--start-ms", str(first), "--speed", "0.001")
    server = Server(tmp_path, *start, "--accounts", json.dumps({"bot": account(USDT="1000")}))
    try:
        server.put("candles?symbol=AAA/USDT", f"ts,open,high,low,close,volume\n{rows}".encode())
        client, cid = SignedClient(server.rest), {"symbol": "AAAUSDT", "origClientOrderId": "part"}
        assert "NEW" == client.order(symbol="AAAUSDT", quantity="3", price="99.5", newClientOrderId="part")[1]["status"]
        seen = []
        for minute in (1, 2):
            server.ask_control("PUT", "clock", {"startMs": first + minute * 60_000})
            found = client.json("GET", "/api/v3/order", **cid)[1]
            seen.append((found["status"], found["executedQty"], found["cummulativeQuoteQty"]))
        assert [("PARTIALLY_FILLED", f"{n}.00000000", f"{n * 99.5:.8f}") for n in (1, 2)] == seen
        trades = client.json("GET", "/api/v3/myTrades", symbol="AAAUSDT")[1]
        assert [("0.00100000", "AAA", True)] * 2 == [
            (row["commission"], row["commissionAsset"], row["isMaker"]) for row in trades
        ]
        cancelled = client.json("DELETE", "/api/v3/order", **cid)[1]
        assert ("CANCELED", "2.00000000") == (cancelled["status"], cancelled["executedQty"])
        balances = {row["asset"]: (row["free"], row["locked"]) for row in client.json("GET", "/api/v3/account")[1]["balances"]}
        assert ("801.00000000", "0.00000000") == balances["USDT"]  # 1000 - 2 * 99.5
        assert ("1.99800000", "0.00000000") == balances["AAA"]
    finally:
        server.stop()
