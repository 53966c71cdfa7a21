"""From the strategy of a spec to a document that can run, parameters applied."""

from typing import Any

from tradewind_api.document.errors import DocumentError, InvalidDocumentError
from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.resolve import template, with_parameters
from tradewind_api.document.validation import parse_document


def resolve_strategy(spec: dict[str, Any]) -> StrategyDocument:
    """Return the document of a TradingBot's or Backtest's spec, its timeframe replaced where the spec names one.

    Raises:
        InvalidDocumentError: With every fault.
    """
    choice = spec["strategy"]
    if "template" in choice:
        document = template(choice["template"])
    elif "document" in choice:
        document = parse_document(choice["document"])
    else:
        message = f"Strategy {choice['ref'].get('name')!r} cannot be used yet: write the document into the resource"
        raise InvalidDocumentError([DocumentError("", "ref", "Unsupported", message)])
    document = with_parameters(document, spec.get("parameters") or {})
    timeframe = spec.get("timeframe") or (spec.get("dataset") or {}).get("timeframe")
    return document.model_copy(update={"timeframe": timeframe}) if timeframe else document
