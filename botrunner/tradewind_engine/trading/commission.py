"""What an exchange charges for a fill: in what is received, or in an asset of its own at a discount."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from tradewind_api.ledger import Side

DIGITS = Decimal("0.00000001")


@dataclass(frozen=True, slots=True)
class Fees:
    """Rates as fractions of the amount; `discount` is what is left of them for those who pay in `discount_asset`."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")
    discount_asset: str | None = None
    discount: Decimal = Decimal("0.75")


def commission(
    fees: Fees, symbol: str, *, side: Side, amount: Decimal, price: Decimal, maker: bool, discount_price: Decimal | None = None
) -> tuple[Decimal, str]:
    """Return the commission, cut off after eight digits, and its asset: base for a buy, quote for a sale.

    Args:
        fees: The account's rates.
        symbol: "BASE/QUOTE".
        side: Of the order that was filled.
        amount: Base.
        price: Quote per base.
        maker: Whether the order rested.
        discount_price: Quote per discount asset; None charges without a discount.

    >>> commission(Fees(), "BTC/USDT", side="sell", amount=Decimal("0.5"), price=Decimal(60000), maker=False)
    (Decimal('30.00000000'), 'USDT')
    """
    rate = fees.maker if maker else fees.taker
    if fees.discount_asset is not None and discount_price:
        return _cut(amount * price * rate * fees.discount / discount_price), fees.discount_asset
    base, _, quote = symbol.partition("/")
    return (_cut(amount * rate), base) if side == "buy" else (_cut(amount * price * rate), quote)


def _cut(value: Decimal) -> Decimal:
    return value.quantize(DIGITS, rounding=ROUND_DOWN)
