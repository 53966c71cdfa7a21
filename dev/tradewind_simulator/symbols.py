"""Trading rules of a symbol, as exchangeInfo tells them: made up to suit its price, or recorded."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Symbol:
    """`BASE/QUOTE` and its rules: price tick, amount step, smallest notional; `recorded` is the exchange's own entry.

    `name` is the name with a slash, `id` the exchange's own.
    """

    base: str
    quote: str
    tick: str
    step: str
    min_notional: str = "5"
    recorded: Mapping[str, Any] | None = None
    name: str = field(init=False)
    id: str = field(init=False)

    def __post_init__(self) -> None:
        """Put the names together once: they are asked for at every order."""
        object.__setattr__(self, "name", f"{self.base}/{self.quote}")
        object.__setattr__(self, "id", self.base + self.quote)

    def info(self, *, status: str) -> dict[str, Any]:
        """Return the symbol's entry in exchangeInfo."""
        if self.recorded is not None:
            return {**self.recorded, "status": status}
        return {
            "symbol": self.id,
            "status": status,
            "baseAsset": self.base,
            "baseAssetPrecision": 8,
            "quoteAsset": self.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": list(ORDER_TYPES),
            "icebergAllowed": False,
            "ocoAllowed": False,
            "otoAllowed": False,
            "quoteOrderQtyMarketAllowed": True,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": self.tick, "maxPrice": "10000000.00000000", "tickSize": self.tick},
                {"filterType": "LOT_SIZE", "minQty": self.step, "maxQty": "9000000.00000000", "stepSize": self.step},
                {
                    "filterType": "MARKET_LOT_SIZE",
                    "minQty": "0.00000000",
                    "maxQty": "100000.00000000",
                    "stepSize": "0.00000000",
                },
                {
                    "filterType": "NOTIONAL",
                    "minNotional": self.min_notional,
                    "applyMinToMarket": True,
                    "maxNotional": "9000000.00000000",
                    "applyMaxToMarket": False,
                    "avgPriceMins": 5,
                },
                {
                    "filterType": "PERCENT_PRICE_BY_SIDE",
                    "bidMultiplierUp": "5",
                    "bidMultiplierDown": "0.2",
                    "askMultiplierUp": "5",
                    "askMultiplierDown": "0.2",
                    "avgPriceMins": 5,
                },
                {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
                {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
            ],
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
            "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
        }


def make_symbol(name: str, price: float) -> Symbol:
    """Return a symbol with steps that suit its price. Raises ValueError for a name that is not BASE/QUOTE."""
    base, slash, quote = name.partition("/")
    if not slash or not base.isalnum() or not quote.isalnum() or name != name.upper():
        raise ValueError(f"{name!r} is no symbol: wanted is BASE/QUOTE, such as BTC/USDT")
    if price >= 1000:
        return Symbol(base, quote, "0.01000000", "0.00001000")
    if price >= 1:
        return Symbol(base, quote, "0.00010000", "0.00100000")
    return Symbol(base, quote, "0.00000100", "0.10000000")


def read_exchange_info(file: Path) -> list[Symbol]:
    """Return the symbols of a recorded answer of exchangeInfo (JSON, plain or gzip). Raises ValueError, OSError."""
    content = file.read_bytes()
    try:
        entries = orjson.loads(gzip.decompress(content) if content.startswith(GZIP) else content)["symbols"]
        return [_recorded(entry) for entry in entries]
    except (KeyError, TypeError, IndexError, EOFError, orjson.JSONDecodeError) as exc:
        raise ValueError(f"{file} is no recorded exchangeInfo: {exc!r}") from exc


def _recorded(entry: Mapping[str, Any]) -> Symbol:
    filters = {item["filterType"]: item for item in entry["filters"]}
    tick, step = filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]
    return Symbol(entry["baseAsset"], entry["quoteAsset"], tick, step, recorded=entry)
