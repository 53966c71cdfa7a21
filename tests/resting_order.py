"""An order on an exchange double, and what the exchange tells of it."""

from dataclasses import dataclass, field
from decimal import Decimal

from tradewind_api.ledger import Intended
from tradewind_engine.trading.orders import Report, ReportStatus, Trade
from tradewind_runner.brokers.port import SeenOrder


@dataclass
class Resting:
    """`hidden` look-ups will not see it yet."""

    intent: Intended
    number: int
    at_ms: int
    status: ReportStatus = "Open"
    trades: list[Trade] = field(default_factory=list)
    hidden: int = 0
    ended_by: str = ""

    @property
    def filled(self) -> Decimal:
        return sum((trade.amount for trade in self.trades), Decimal(0))

    def report(self, *, trades: bool = True) -> Report:
        """Return its state, with all of its trades or none."""
        return Report(f"x{self.number}", self.status, self.filled, tuple(self.trades) if trades else ())

    def seen(self, report: Report | None = None) -> SeenOrder:
        """Return it as lists and streams show it; `report` instead of the whole of it."""
        return SeenOrder.of(self.intent, self.at_ms, self.report() if report is None else report)
