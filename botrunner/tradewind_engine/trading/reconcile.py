"""The ledger against the exchange, before a bot trades: whose orders these are, and what the balances say.

Ownership is by client order id, never by time. The exchange wins for quantities: what it does not hold any more is taken out
of the ledger as an explicit adjustment. What it holds beyond the ledger is somebody else's and is left alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tradewind_api.ledger import Adjusted, LedgerState
from tradewind_engine.trading.rounding import MarketRules

ZERO = Decimal(0)
LESS_THAN_A_STEP = "Dust: less than the market's step"


@dataclass(frozen=True, slots=True)
class Difference:
    """What ledger and exchange disagree about; `value` is its worth in quote, as far as a price is known."""

    asset: str
    ledger: Decimal
    exchange: Decimal
    value: Decimal

    def __str__(self) -> str:
        """Say it to the trader."""
        return f"{self.asset}: the ledger has {self.ledger}, the exchange {self.exchange}"


@dataclass(frozen=True, slots=True)
class Balances:
    """What came of the comparison: what is booked, what is only shown, and what must be looked at by a person first."""

    adjustments: tuple[Adjusted, ...]
    shown: tuple[Difference, ...]
    beyond_tolerance: tuple[Difference, ...]


def written_off(symbol: str, amount: Decimal, step: Decimal) -> Adjusted:
    """Return how an amount that the exchange takes no sale of leaves the ledger.

    What a fee in base leaves of each position is less than a step: that is nothing to tell anybody (`is_small_change`).
    """
    reason = LESS_THAN_A_STEP if amount < step else f"Dust: {amount} of {symbol} is less than the exchange takes"
    return Adjusted(symbol=symbol, amount=-amount, reason=reason)


def is_small_change(data: Adjusted) -> bool:
    """Return whether all that was booked away is less than the smallest amount that the market knows."""
    return data.reason == LESS_THAN_A_STEP


def compare_balances(
    state: LedgerState,
    totals: Mapping[str, Decimal],
    rules: Mapping[str, MarketRules],
    prices: Mapping[str, Decimal],
    *,
    tolerance_percent: Decimal = Decimal(1),
) -> Balances:
    """Compare held amounts, and the cash, with the account's totals; every order of ours must be settled before.

    Less than the ledger says is adjusted; up to one step is dust and is adjusted silently. A loss of more than the tolerance
    of the equity needs a person. More than the ledger says is the owner's own.
    """
    adjustments: list[Adjusted] = []
    shown: list[Difference] = []
    beyond: list[Difference] = []
    for symbol, position in state.positions.items():
        base = symbol.split("/")[0]
        there, price = totals.get(base, ZERO), prices.get(symbol)
        missing = position.amount - there
        if missing <= 0:
            continue
        value = missing * price if price is not None else position.notional
        difference = Difference(base, position.amount, there, value)
        adjustments.append(Adjusted(symbol=symbol, amount=-missing, reason=f"Reconciled: {difference}"))
        if symbol in rules and missing < rules[symbol].amount_step:
            continue
        shown.append(difference)
        if value > state.equity * tolerance_percent / 100:
            beyond.append(difference)
    cash = totals.get(state.currency, ZERO)
    if cash < state.cash:
        shown.append(Difference(state.currency, state.cash, cash, state.cash - cash))
    return Balances(tuple(adjustments), tuple(shown), tuple(beyond))
