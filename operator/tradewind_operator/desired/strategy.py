"""A Strategy's status: what its document means, or all that is wrong with it. It has no children."""

from dataclasses import dataclass
from typing import Any

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.errors import DocumentError, InvalidDocumentError
from tradewind_api.document.explain import explain
from tradewind_api.document.validation import candles_needed, parse_document
from tradewind_operator.desired.names import Object
from tradewind_operator.desired.status import Fact


@dataclass(frozen=True, slots=True)
class StrategyPlan:
    """Facts and fields of the status."""

    facts: list[Fact]
    fields: dict[str, Any]


def desired_strategy(strategy: Object, *, used_by: int) -> StrategyPlan:
    """Return the status of a Strategy that `used_by` bots name. Total: a document that means nothing gets its faults."""
    try:
        document = parse_document(strategy["spec"].get("document"))
    except InvalidDocumentError as exc:
        message = "; ".join(map(str, exc.errors[:10]))
        facts = [Fact("Compiled", False, "Invalid", message), Fact("Ready", False, "Invalid", message)]
        errors = [_fault(error) for error in exc.errors]
        return StrategyPlan(facts, _fields("Invalid", used_by, errors=errors))
    facts = [Fact("Compiled", True, "Compiled"), Fact("Ready", True, "Compiled")]
    needed = [{"timeframe": timeframe, "candles": count} for timeframe, count in sorted(candles_needed(document).items())]
    fields = _fields("Ready", used_by, digest=strategy_digest(document), sentence=explain(document), lookback=needed)
    return StrategyPlan(facts, fields)


def _fields(summary: str, used_by: int, **known: Any) -> dict[str, Any]:
    return {"summary": summary, "usedBy": used_by, "digest": "", "sentence": "", "lookback": [], "errors": []} | known


def _fault(error: DocumentError) -> dict[str, str]:
    return {"node": error.node[:31], "field": error.field[:128], "code": error.code, "message": error.message[:512]}
