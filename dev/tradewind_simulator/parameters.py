"""What a client wants, out of the text of its parameters; refused in the exchange's words where it does not fit together."""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Literal, NamedTuple

from tradewind_engine.trading.offers import Prevention, TimeInForce
from tradewind_simulator.errors import DialectError, illegal, missing, unread

DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
CID = r"^[a-zA-Z0-9-_]{1,36}$"
_DECIMAL, _CID = re.compile(DECIMAL), re.compile(r"^[a-zA-Z0-9_-]{1,36}$")
# What an order of each type must have; whatever else of these it has is too much.
NEEDED: dict[str, tuple[str, ...]] = {
    "LIMIT": ("timeInForce", "quantity", "price"),
    "MARKET": (),
    "LIMIT_MAKER": ("quantity", "price"),
    "STOP_LOSS": ("quantity", "stopPrice"),
    "STOP_LOSS_LIMIT": ("timeInForce", "quantity", "price", "stopPrice"),
    "TAKE_PROFIT": ("quantity", "stopPrice"),
    "TAKE_PROFIT_LIMIT": ("timeInForce", "quantity", "price", "stopPrice"),
}
KNOWN = ("timeInForce", "price", "stopPrice", "quoteOrderQty")
TOO_MUCH = {kind: [name for name in KNOWN if name not in needed] for kind, needed in NEEDED.items()}
TOO_MUCH["MARKET"].remove("quoteOrderQty")
# What each signed request takes besides its signature; anything else is refused, as the exchange does.
SIGNED = frozenset({"apiKey", "recvWindow", "signature", "timestamp"})
SELF_TRADE = ("newClientOrderId", "newOrderRespType", "selfTradePreventionMode", "strategyId", "strategyType")
ORDER = ("symbol", "side", "type", "quantity", *KNOWN, *SELF_TRADE, "icebergQty", "trailingDelta")
PEGS = ("pegPriceType", "pegOffsetType", "pegOffsetValue")
BETWEEN = ("symbol", "orderId", "startTime", "endTime", "limit")
FOUND = ("symbol", "orderId", "origClientOrderId")
RESTRICTED = ("cancelRestrictions", "newClientOrderId")
REPLACED = ("cancelReplaceMode", "cancelOrderId", "cancelOrigClientOrderId", "cancelNewClientOrderId", "cancelRestrictions")
Answer = Literal["ACK", "RESULT", "FULL"]
PREVENTIONS: dict[str, Prevention] = {
    "NONE": "NONE",
    "EXPIRE_TAKER": "EXPIRE_TAKER",
    "EXPIRE_MAKER": "EXPIRE_MAKER",
    "EXPIRE_BOTH": "EXPIRE_BOTH",
}
TIMES: dict[str, TimeInForce] = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK"}
FULL = frozenset({"MARKET", "LIMIT"})
ANSWERS: dict[str, Answer] = {"ACK": "ACK", "RESULT": "RESULT", "FULL": "FULL"}


class Wanted(NamedTuple):
    """A new order: amounts base, `quote_amount` quote, prices quote per base."""

    symbol: str
    side: str
    order_type: str
    amount: Decimal | None
    quote_amount: Decimal | None
    price: Decimal | None
    stop_price: Decimal | None
    time_in_force: TimeInForce
    cid: str
    answer: Answer
    prevention: Prevention


def wanted_order(params: Mapping[str, str], new_cid: str) -> Wanted:
    """Return the order that the parameters describe; `new_cid` is its id if the client gives none. Raises DialectError."""
    order_type = needed(params, "type")
    side = needed(params, "side")
    if side not in {"BUY", "SELL"}:
        raise DialectError(-1117, "Invalid side.")
    if order_type not in NEEDED:
        raise DialectError(-1116, "Invalid orderType.")
    _check_combination(params, order_type)
    answer = params.get("newOrderRespType") or ("FULL" if order_type in FULL else "ACK")
    if answer not in ANSWERS:
        raise DialectError(-1100, "Illegal characters found in parameter 'newOrderRespType'; legal range is 'ACK|RESULT|FULL'.")
    prevention = params.get("selfTradePreventionMode") or "EXPIRE_MAKER"
    if prevention not in PREVENTIONS:
        raise DialectError(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.")
    cid = params.get("newClientOrderId")
    return Wanted(
        symbol=params.get("symbol", ""),
        side=side,
        order_type=order_type,
        amount=_amount(params, "quantity", "Invalid quantity."),
        quote_amount=_amount(params, "quoteOrderQty", "Invalid quote order quantity.") if "quoteOrderQty" in params else None,
        price=_amount(params, "price", "Invalid price.") if "price" in params else None,
        stop_price=_amount(params, "stopPrice", "Invalid stop price.") if "stopPrice" in params else None,
        time_in_force=TIMES[params.get("timeInForce") or "GTC"],
        cid=new_cid if cid is None else client_id(cid, "newClientOrderId"),
        answer=ANSWERS[answer],
        prevention=PREVENTIONS[prevention],
    )


def check_names(params: Mapping[str, str], known: AbstractSet[str]) -> None:
    """Refuse parameters that a request does not have. Raises DialectError."""
    if not params.keys() <= known:
        raise unread(len(params.keys() & known), len(params))


def needed(params: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be there. Raises DialectError."""
    found = params.get(name)
    if not found:
        raise missing(name)
    return found


def client_id(text: str, name: str) -> str:
    """Return a client order id as the exchange allows it. Raises DialectError."""
    if not _CID.match(text):
        raise illegal(name, CID)
    return text


def whole(params: Mapping[str, str], name: str) -> int | None:
    """Return a whole number, None if it is not there. Raises DialectError."""
    text = params.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise illegal(name, "^[0-9]{1,20}$")
    return int(text)


def _check_combination(params: Mapping[str, str], order_type: str) -> None:
    mandatory = NEEDED[order_type]
    for name in mandatory:
        if not params.get(name):
            raise missing(name)
    for name in TOO_MUCH[order_type]:
        if name in params:
            raise DialectError(-1106, f"Parameter '{name}' sent when not required.")
    if "timeInForce" in mandatory and params["timeInForce"] not in TIMES:
        raise DialectError(-1115, "Invalid timeInForce.")
    if order_type == "MARKET":
        base, quote = params.get("quantity"), params.get("quoteOrderQty")
        if not (base or quote):
            raise DialectError(-1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!")
        if base and quote:
            raise DialectError(-1106, "Parameter 'quoteOrderQty' sent when not required.")
    if "icebergQty" in params or "trailingDelta" in params:
        raise DialectError(-1014, "Unsupported order combination.")


def _amount(params: Mapping[str, str], name: str, invalid: str) -> Decimal | None:
    text = params.get(name)
    if text is None:
        return None
    if not _DECIMAL.match(text):
        raise illegal(name, DECIMAL)
    found = Decimal(text)
    if not found:
        raise DialectError(-1013, invalid)
    if len(text) > 9 and len(text.partition(".")[2].rstrip("0")) > 8:
        raise DialectError(-1111, f"Parameter '{name}' has too much precision.")
    return found
