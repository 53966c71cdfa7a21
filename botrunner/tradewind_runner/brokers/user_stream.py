"""The account's order events from Binance's WebSocket API: one socket, one subscription, no second library.

Best effort by its nature: what happens between two sockets is not sent again, so whoever listens asks for its open orders
after each new one. Ends with ExchangeUnavailableError when the socket breaks, when our pings are not answered, or when an event
cannot be understood.
"""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import aiohttp

from tradewind_api.ledger import Side
from tradewind_api.runner import ExchangeConfig, ExchangeCredential
from tradewind_engine.trading.orders import Report, ReportStatus, Trade
from tradewind_runner.brokers.ccxt_answers import FUTURE_MS, read_identity, read_number
from tradewind_runner.brokers.errors import CredentialsRefusedError, ExchangeUnavailableError, OutcomeUnknownError
from tradewind_runner.brokers.port import SeenOrder
from tradewind_runner.exchange_clock import ExchangeClock
from tradewind_runner.lean_ccxt import new_session

ADDRESSES = {"binance": "wss://ws-api.binance.com:443", "binanceus": "wss://ws-api.binance.us:443"}
HEARTBEAT_S, MOST_BYTES = 20.0, 1_000_000
SUBSCRIPTION = "orders"
SIDES: dict[str, Side] = {"BUY": "buy", "SELL": "sell"}
STATUS: dict[str, ReportStatus] = {
    "NEW": "Open",
    "PENDING_NEW": "Open",
    "PARTIALLY_FILLED": "Open",
    "PENDING_CANCEL": "Open",
    "FILLED": "Filled",
    "CANCELED": "Canceled",
    "REJECTED": "Rejected",
    "EXPIRED": "Expired",
    "EXPIRED_IN_MATCH": "Expired",
}


async def user_stream(
    config: ExchangeConfig, credential: ExchangeCredential, clock: ExchangeClock, symbols: Mapping[str, str]
) -> AsyncIterator[SeenOrder | None]:
    """Yield the changes of orders of `symbols` (the exchange's names to ours), and None when the line is open.

    Raises:
        ExchangeUnavailableError: The stream broke, or this exchange has none that we know.
        CredentialsRefusedError: The key may not listen.
    """
    base = config.endpoint.ws if config.endpoint is not None else ADDRESSES.get(config.ccxt_id)
    if base is None or config.ccxt_id not in ADDRESSES:
        raise ExchangeUnavailableError(f"no order events from {config.ccxt_id}")
    try:
        async with (
            new_session(of_account=True) as session,
            session.ws_connect(f"{base.rstrip('/')}/ws-api/v3", heartbeat=HEARTBEAT_S, max_msg_size=MOST_BYTES) as socket,
        ):
            await socket.send_json(_subscription(credential, int(clock.now_ms())))
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    break
                for told in _understood(message.data, symbols, clock.now_ms() + FUTURE_MS):
                    yield told
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        raise ExchangeUnavailableError(f"order events: {type(exc).__name__}") from exc
    raise ExchangeUnavailableError("order events: the exchange closed the stream")


def _subscription(credential: ExchangeCredential, now_ms: int) -> dict[str, Any]:
    parameters = {"apiKey": credential.api_key.get_secret_value(), "timestamp": str(now_ms)}
    payload = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters))
    signature = hmac.new(credential.secret.get_secret_value().encode(), payload.encode(), hashlib.sha256).hexdigest()
    return {
        "id": SUBSCRIPTION,
        "method": "userDataStream.subscribe.signature",
        "params": {**parameters, "timestamp": now_ms, "signature": signature},
    }


def _understood(text: str, symbols: Mapping[str, str], latest_ms: float) -> Sequence[SeenOrder | None]:
    """Return what a message says: an order, that the line is open, or nothing that matters.

    Raises:
        ExchangeUnavailableError: It cannot be: what is true is then asked for.
        CredentialsRefusedError: It says that the key may not listen.
    """
    try:
        message = json.loads(text)
        if "status" in message and message["status"] != 200:
            code = (message.get("error") or {}).get("code")
            kind = CredentialsRefusedError if message["status"] in {401, 403} else ExchangeUnavailableError
            raise kind(f"order events: {message['status']} {code}")
        if message.get("id") == SUBSCRIPTION:
            return [None]
        event = message.get("event", message)
        if event.get("e") != "executionReport" or event.get("s") not in symbols:
            return []
        return [_order(event, symbols[event["s"]], latest_ms)]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, OutcomeUnknownError) as exc:
        raise ExchangeUnavailableError(f"order events: one cannot be understood ({type(exc).__name__})") from exc


def _order(event: Mapping[str, Any], symbol: str, latest_ms: float) -> SeenOrder:
    """Return an execution report as an order; a cancel's own client id hides the order's, which is then `C`."""
    original = str(event.get("C") or "")
    cancelled = original not in {"", "null"}
    trades: tuple[Trade, ...] = ()
    if event.get("x") == "TRADE":
        fee_currency = str(event.get("N") or symbol.split("/")[1])
        amount, paid = read_number(event["l"], "amount"), read_number(event["L"], "price")
        trades = (Trade(_name(event["t"]), amount, paid, read_number(event["n"], "fee", negative=True), fee_currency),)
    price, created = read_number(event["p"], "price"), int(event["O"])
    if created > latest_ms:
        raise OutcomeUnknownError(f"an order is of a time that has not come: {created}")
    return SeenOrder(
        symbol,
        original if cancelled else str(event["c"]),
        SIDES[event["S"]],
        str(event["o"]).lower(),
        read_number(event["q"], "amount"),
        price or None,
        max(0, created),
        Report(_name(event["i"]), STATUS[event["X"]], read_number(event["z"], "filled"), trades),
        str(event["c"]) if cancelled else "",
    )


def _name(value: object) -> str:
    """Return an id. Raises OutcomeUnknownError where it cannot be one."""
    found = read_identity(value)
    if found is None:
        raise OutcomeUnknownError(f"an id cannot be {value!r:.40}")
    return found
