"""What trading cost: fees and slippage, and what would have been left without them."""

from typing import NamedTuple


class CostSplit(NamedTuple):
    """Profit before costs, and what went off it; in quote currency, so that before - fees - slippage = after."""

    before: float
    fees: float
    slippage: float
    after: float


def cost_split(profit: float, *, fees: float, slippage: float) -> CostSplit:
    """Return how a profit came about: what these same fills made before costs, and which part went where.

    Money that was paid is money that was not invested later; a run without costs is not the same as `before`.

    >>> cost_split(70.0, fees=20.0, slippage=10.0).before
    100.0
    """
    return CostSplit(profit + fees + slippage, fees, slippage, profit)
