"""Trading rules of a symbol, as exchangeInfo tells them."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Symbol:
    """`BASE/QUOTE` and its rules: price tick, amount step, smallest notional."""

    base: str
    quote: str
    tick: str
    step: str
    min_notional: str = "5"

    @property
    def name(self) -> str:
        """The name with a slash."""
        return f"{self.base}/{self.quote}"

    @property
    def id(self) -> str:
        """The exchange's own name."""
        return self.base + self.quote

    def info(self, *, trading: bool) -> dict[str, Any]:
        """Return the symbol's entry in exchangeInfo."""
        return {
            "symbol": self.id,
            "status": "TRADING" if trading else "BREAK",
            "baseAsset": self.base,
            "baseAssetPrecision": 8,
            "quoteAsset": self.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
            "icebergAllowed": True,
            "ocoAllowed": True,
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
                {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
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
