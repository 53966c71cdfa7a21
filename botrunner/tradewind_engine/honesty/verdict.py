"""The verdict: trust high, doubtful or low, with reasons that a person can act on."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.backtest.report import Report
from tradewind_engine.backtest.simulate import Costs
from tradewind_engine.honesty.bootstrap import return_interval
from tradewind_engine.honesty.causality import changed_decisions
from tradewind_engine.honesty.deflated_sharpe import deflated_sharpe, sharpe_skewness_kurtosis
from tradewind_engine.honesty.leakage import tell_tales
from tradewind_engine.honesty.overfitting import Overfitting
from tradewind_engine.timeframes import periods_per_year

Trust = Literal["high", "doubtful", "low"]
FEW, TOO_FEW = 30, 10
USUAL_FEE_BPS = 10.0
CONFIDENT = 0.95
UNHEARD_OF = 10.0  # an annual Sharpe ratio that no fund has shown over a year


@dataclass(frozen=True, slots=True)
class Reason:
    """Why trust is not high. `level` is the most that is left; `value` is the figure that decided."""

    code: str
    level: Trust
    message: str
    value: float

    def to_json(self) -> dict[str, Any]:
        """Return the reason as JSON values."""
        return {"code": self.code, "level": self.level, "message": self.message, "value": self.value}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How far the figures can be trusted; `figures` are what was measured on the way."""

    reasons: list[Reason]
    figures: dict[str, float]

    @property
    def trust(self) -> Trust:
        """The least that any reason leaves."""
        levels = {reason.level for reason in self.reasons}
        return "low" if "low" in levels else "doubtful" if "doubtful" in levels else "high"

    def to_json(self) -> dict[str, Any]:
        """Return trust, reasons and figures as JSON values."""
        return {
            "trust": self.trust,
            "trustReasons": [reason.to_json() for reason in self.reasons],
            "trustFigures": self.figures,
        }


@dataclass(frozen=True, slots=True)
class Selection:
    """How parameters came about: how many points were tried, how their Sharpe ratios a candle spread, what tests said."""

    trials: int = 1
    deviation: float | None = None
    overfitting: Overfitting | None = None
    neighbours: float | None = None
    out_of_sample: float | None = None


ONE_TRY = Selection()


def judge(report: Report, selection: Selection = ONE_TRY) -> Verdict:
    """Return the verdict on a report whose parameters were chosen as `selection` says; under a second for 100,000 candles."""
    reasons: list[Reason] = []
    figures: dict[str, float] = {"trials": float(selection.trials)}
    reasons += _about_inputs(report)
    trades, profit = int(report.figures["trades"] or 0), float(report.figures["totalReturn"] or 0.0)
    if trades < FEW:
        level: Trust = "low" if trades < TOO_FEW else "doubtful"
        message = (
            f"{trades} closed trades: figures of fewer than {FEW} are mostly luck. Take more history or a shorter timeframe."
        )
        reasons.append(Reason("TooFewTrades", level, message, trades))
    low, high = return_interval(report.equity)
    figures |= {"returnLow": low, "returnHigh": high}
    if profit > 0:  # a loss is believed without proof
        reasons += _about_profit(report, selection, figures, low)
    return Verdict(reasons, figures)


def _about_inputs(report: Report) -> list[Reason]:
    reasons = []
    for symbol, history in report.candles.items():
        named = f"{symbol}: " if symbol else ""
        for feature, correlation in tell_tales(history).items():
            tells = f"the {feature} of a candle tells the next one's move (rank correlation {correlation:.2f})"
            message = f"{named}{tells}: the data knows the future"
            reasons.append(Reason("FutureInData", "low", message, correlation))
        changed = changed_decisions(report.document, history)
        if changed:
            message = f"{named}{changed} decisions change when the strategy is shown only what a bot sees"
            reasons.append(Reason("DecisionsChange", "low", message, changed))
    return reasons


def _about_profit(report: Report, selection: Selection, figures: dict[str, float], low: float) -> list[Reason]:
    reasons = []
    returns = np.diff(report.equity) / report.equity[:-1]
    deflated = deflated_sharpe(returns, trials=selection.trials, deviation=selection.deviation)
    figures["deflatedSharpe"] = deflated
    if deflated < CONFIDENT:
        tries = f"the best of {selection.trials} tries" if selection.trials > 1 else "luck alone"
        level: Trust = "low" if deflated < 0.5 and selection.trials > 1 else "doubtful"
        message = f"{tries} shows as much {100 * (1 - deflated):.0f} times in 100"
        reasons.append(Reason("CouldBeLuck", level, message, deflated))
    annual = sharpe_skewness_kurtosis(returns)[0] * periods_per_year(report.timeframe) ** 0.5 if returns.std() > 0 else 0.0
    if annual > UNHEARD_OF and deflated >= CONFIDENT:
        message = f"a Sharpe ratio of {annual:.0f} a year is unheard of: look for the future in the data, or for costs left out"
        reasons.append(Reason("TooGoodToBeTrue", "low", message, annual))
    if low < 0:
        message = f"one in twenty resampled histories loses {-100 * low:.1f} % or more"
        reasons.append(Reason("WideInterval", "doubtful", message, low))
    if selection.overfitting is not None:
        probability, loss = selection.overfitting.probability, selection.overfitting.loss
        figures |= {"probabilityOfOverfitting": probability, "probabilityOfLoss": loss}
        if probability > 0.3:
            level = "low" if loss > 0.3 else "doubtful"  # equally good points are at or below the middle too, and lose nothing
            often = f"{100 * probability:.0f} times in 100, and loses there {100 * loss:.0f} times"
            message = f"the best in one half of history is at or below the middle in the other {often}"
            reasons.append(Reason("Overfitted", level, message, probability))
    if selection.neighbours is not None:
        figures["neighboursReturn"] = selection.neighbours
        if selection.neighbours < 0.5:
            level = "low" if selection.neighbours <= 0 else "doubtful"
            message = f"one step aside the profit is {100 * selection.neighbours:.0f} % of this: the parameters stand alone"
            reasons.append(Reason("NeedlePeak", level, message, selection.neighbours))
    if selection.out_of_sample is not None:
        figures["outOfSampleReturn"] = selection.out_of_sample
        if selection.out_of_sample <= 0:
            message = f"chosen on the past and tried on what followed, it returned {100 * selection.out_of_sample:.1f} %"
            reasons.append(Reason("FailsOutOfSample", "low", message, selection.out_of_sample))
    reasons += _about_costs(report)
    return reasons


def _about_costs(report: Report) -> list[Reason]:
    fee = float(report.figures["feeBps"] or 0.0)
    if fee >= USUAL_FEE_BPS / 2:
        return []
    costs = Costs(USUAL_FEE_BPS, float(report.figures["slippageBps"] or 0.0))
    capital = float(report.figures["capital"] or 0.0)
    again = run_backtest(
        report.document,
        report.candles,
        timeframe=report.timeframe,
        capital=capital,
        costs=costs,
        markets=report.markets,
    )
    paid = float(again.figures["totalReturn"] or 0.0)
    profit = float(report.figures["totalReturn"] or 0.0)
    if paid > profit / 2:
        return []
    level: Trust = "low" if paid <= 0 else "doubtful"
    message = (
        f"with the usual fee of {USUAL_FEE_BPS:g} basis points the return is {100 * paid:.1f} % instead of {100 * profit:.1f} %"
    )
    return [Reason("CostsLeftOut", level, message, paid)]
