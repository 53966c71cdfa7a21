"""The exchange's filters, taken from the same entry that exchangeInfo answers, so that what is told is what is enforced."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from tradewind_simulator.errors import failed
from tradewind_simulator.parameters import Wanted

ZERO = Decimal(0)
AT_MARKET = frozenset({"MARKET", "STOP_LOSS", "TAKE_PROFIT"})


class Prices(Protocol):
    """What a symbol was traded at."""

    @property
    def told(self) -> int:
        """The present, in the market's time."""
        ...

    def average(self, minutes: int, now_ms: int) -> Decimal | None:
        """Return the average price of the last minutes, the last price for 0; None where nothing was traded."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """Least, most and step of a number; a bound of 0 is none."""

    least: Decimal
    most: Decimal
    step: Decimal

    def let(self, value: Decimal) -> bool:
        """Return whether the number is within the bounds and on the grid."""
        if value < self.least or (self.most and value > self.most):
            return False
        return not self.step or not (value - self.least) % self.step


@dataclass(frozen=True, slots=True)
class Percent:
    """How far a price may be from the average: multipliers for a buy and for a sale."""

    name: str
    buy: tuple[Decimal, Decimal]
    sell: tuple[Decimal, Decimal]
    minutes: int


@dataclass(frozen=True, slots=True)
class Notional:
    """What an order must be worth in quote, and whether that holds for market orders."""

    name: str
    least: Decimal
    most: Decimal | None
    least_for_market: bool
    most_for_market: bool
    minutes: int


@dataclass(frozen=True, slots=True)
class Filters:
    """Those of one symbol; None is a filter that it does not have."""

    price: Bounds | None
    lot: Bounds | None
    market_lot: Bounds | None
    percent: Percent | None
    notional: Notional | None
    most_orders: int | None
    most_stops: int | None
    most_position: Decimal | None

    @property
    def step(self) -> Decimal:
        """The step of amounts (base)."""
        return self.lot.step if self.lot and self.lot.step else Decimal("0.00000001")

    def check(self, wanted: Wanted, prices: Prices) -> None:
        """Refuse an order that does not pass, with the first filter in its way. Raises DialectError."""
        market = wanted.order_type in AT_MARKET
        if self.price is not None:
            for value in (wanted.price, wanted.stop_price):
                if value is not None and not self.price.let(value):
                    raise failed("PRICE_FILTER")
        if wanted.price is not None:
            self._check_percent(wanted, prices)
        if wanted.amount is not None:
            if self.lot is not None and not self.lot.let(wanted.amount):
                raise failed("LOT_SIZE")
            if market and self.market_lot is not None and not self.market_lot.let(wanted.amount):
                raise failed("MARKET_LOT_SIZE")
        self._check_notional(wanted, prices, market=market)

    def check_count(self, wanted: Wanted, open_orders: int, open_stops: int) -> None:
        """Refuse an order beside which too many are open. Raises DialectError."""
        if self.most_orders is not None and open_orders >= self.most_orders:
            raise failed("MAX_NUM_ORDERS")
        if wanted.stop_price is not None and self.most_stops is not None and open_stops >= self.most_stops:
            raise failed("MAX_NUM_ALGO_ORDERS")

    def check_position(self, wanted: Wanted, position: Decimal) -> None:
        """Refuse a buy that makes the position (balance and open buys, base) larger than is allowed. Raises DialectError."""
        if self.most_position is not None and wanted.side == "BUY" and position + (wanted.amount or ZERO) > self.most_position:
            raise failed("MAX_POSITION")

    def _check_percent(self, wanted: Wanted, prices: Prices) -> None:
        if self.percent is None or wanted.price is None:
            return
        mean = prices.average(self.percent.minutes, prices.told)
        down, up = self.percent.buy if wanted.side == "BUY" else self.percent.sell
        if mean is not None and not mean * down <= wanted.price <= mean * up:
            raise failed(self.percent.name)

    def _check_notional(self, wanted: Wanted, prices: Prices, *, market: bool) -> None:
        rule = self.notional
        if rule is None:
            return
        if wanted.quote_amount is not None:
            worth: Decimal | None = wanted.quote_amount
        else:
            price = wanted.price or (market and wanted.stop_price) or prices.average(rule.minutes, prices.told)
            worth = None if price is None or wanted.amount is None else price * wanted.amount
        if worth is None:
            return
        too_small = worth < rule.least and (rule.least_for_market or not market)
        too_large = rule.most is not None and worth > rule.most and (rule.most_for_market or not market)
        if too_small or too_large:
            raise failed(rule.name)


def compile_filters(entries: Iterable[Mapping[str, Any]]) -> Filters:
    """Return the filters of exchangeInfo's list. Raises KeyError, decimal.InvalidOperation for entries that are none."""
    by_type = {str(entry["filterType"]): entry for entry in entries}
    position = by_type.get("MAX_POSITION")
    return Filters(
        price=_bounds(by_type.get("PRICE_FILTER"), "minPrice", "maxPrice", "tickSize"),
        lot=_bounds(by_type.get("LOT_SIZE"), "minQty", "maxQty", "stepSize"),
        market_lot=_bounds(by_type.get("MARKET_LOT_SIZE"), "minQty", "maxQty", "stepSize"),
        percent=_percent(by_type),
        notional=_notional(by_type),
        most_orders=_count(by_type.get("MAX_NUM_ORDERS"), "maxNumOrders"),
        most_stops=_count(by_type.get("MAX_NUM_ALGO_ORDERS"), "maxNumAlgoOrders"),
        most_position=Decimal(position["maxPosition"]) if position else None,
    )


def _bounds(entry: Mapping[str, Any] | None, least: str, most: str, step: str) -> Bounds | None:
    return None if entry is None else Bounds(Decimal(entry[least]), Decimal(entry[most]), Decimal(entry[step]))


def _count(entry: Mapping[str, Any] | None, name: str) -> int | None:
    return None if entry is None else int(entry.get(name, entry.get("limit")))


def _percent(by_type: Mapping[str, Mapping[str, Any]]) -> Percent | None:
    if (entry := by_type.get("PERCENT_PRICE_BY_SIDE")) is not None:
        buy = Decimal(entry["bidMultiplierDown"]), Decimal(entry["bidMultiplierUp"])
        sell = Decimal(entry["askMultiplierDown"]), Decimal(entry["askMultiplierUp"])
        return Percent("PERCENT_PRICE_BY_SIDE", buy, sell, int(entry["avgPriceMins"]))
    if (entry := by_type.get("PERCENT_PRICE")) is not None:
        both = Decimal(entry["multiplierDown"]), Decimal(entry["multiplierUp"])
        return Percent("PERCENT_PRICE", both, both, int(entry["avgPriceMins"]))
    return None


def _notional(by_type: Mapping[str, Mapping[str, Any]]) -> Notional | None:
    if (entry := by_type.get("NOTIONAL")) is not None:
        return Notional(
            "NOTIONAL",
            Decimal(entry["minNotional"]),
            Decimal(entry["maxNotional"]),
            bool(entry["applyMinToMarket"]),
            bool(entry["applyMaxToMarket"]),
            int(entry["avgPriceMins"]),
        )
    if (entry := by_type.get("MIN_NOTIONAL")) is not None:
        applies = bool(entry["applyToMarket"])
        return Notional("MIN_NOTIONAL", Decimal(entry["minNotional"]), None, applies, applies, int(entry["avgPriceMins"]))
    return None
