"""Digests: one name for one meaning.

`canonical_json` is RFC 8785. A document's digest is over its nodes sorted by id with defaults filled in and operation
versions added; layout, spelling and omitted defaults do not change it. The digest of candles is over their values, never
over a file.
"""

import hashlib
import json
import math
from json.encoder import encode_basestring
from typing import Any

from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.validation import parameters_of
from tradewind_api.operations import OPERATIONS


def canonical_json(value: Any) -> bytes:
    """Return `value` in the form of RFC 8785. Raises ValueError on NaN, infinity and what JSON has not."""
    return _canonical(value).encode()


def _canonical(value: Any) -> str:
    match value:
        case str():
            return encode_basestring(value)  # what json.dumps does with text, without an encoder made for each
        case None | bool():
            return json.dumps(value)
        case int():
            return str(value)
        case float():
            return _number(value)
        case list() | tuple():
            return "[" + ",".join(map(_canonical, value)) + "]"
        case dict():
            keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
            return "{" + ",".join(f"{encode_basestring(key)}:{_canonical(value[key])}" for key in keys) + "}"
        case _:
            raise ValueError(f"{type(value).__name__} is not JSON")


def _number(value: float) -> str:
    """Return an IEEE 754 double as ECMAScript prints it."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not JSON")
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    text = repr(value)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text
    power = int(exponent)
    if -6 <= power < 0:  # ECMAScript writes these out
        digits = mantissa.lstrip("-").replace(".", "")
        return ("-" if value < 0 else "") + "0." + "0" * (-power - 1) + digits
    return f"{mantissa}e{'+' if power > 0 else '-'}{abs(power)}"


def strategy_digest(document: StrategyDocument) -> str:
    """Return the sha256 of what the document means, as 64 hexadecimal digits."""
    meaning = document.to_json()
    meaning["nodes"] = [
        {
            "id": node.id,
            "op": node.op,
            "version": OPERATIONS[node.op].version,
            "in": node.inputs,
            "params": parameters_of(node, OPERATIONS[node.op]),
            **({"timeframe": node.timeframe} if node.timeframe not in {None, document.timeframe} else {}),
        }
        for node in sorted(document.nodes, key=lambda node: node.id)
    ]
    return hashlib.sha256(canonical_json(meaning)).hexdigest()


def data_digest(exchange: str, symbol: str, timeframe: str, columns: list[bytes]) -> str:
    """Return the sha256 of candles.

    Args:
        exchange: Name of the exchange, empty for a local file.
        symbol: Such as BTC/USDT.
        timeframe: Such as 1m.
        columns: The little-endian bytes of ts (int64), open, high, low, close and volume (float64), in this order.
    """
    digest = hashlib.sha256(canonical_json([exchange, symbol, timeframe]))
    for column in columns:
        digest.update(column)
    return digest.hexdigest()


def report_digest(report: dict[str, Any]) -> str:
    """Return the sha256 of a report without what may differ between two runs of the same thing."""
    return hashlib.sha256(canonical_json(report)).hexdigest()
