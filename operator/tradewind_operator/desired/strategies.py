"""From the strategy of a spec to a document that can run, parameters applied."""

import json
from collections.abc import Mapping
from typing import Any

from tradewind_api.document.errors import DocumentError, InvalidDocumentError
from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.resolve import template, with_parameters
from tradewind_api.document.suggestions import suggestion
from tradewind_api.document.validation import parse_document
from tradewind_operator.desired.names import Object

MISSING = "StrategyMissing"


def resolve_strategy(spec: dict[str, Any], library: Mapping[str, Object]) -> StrategyDocument:
    """Return the document of a TradingBot's or Backtest's spec, its timeframe replaced where the spec names one.

    Args:
        spec: Of the bot or backtest.
        library: The Strategies of its namespace by name.

    Raises:
        InvalidDocumentError: With every fault; code StrategyMissing alone where the Strategy it names is not there.
    """
    choice = spec["strategy"]
    if "template" in choice:
        document = template(choice["template"])
    elif "document" in choice:
        document = parse_document(choice["document"])
    else:
        document = _named(choice["ref"]["name"], library)
    document = with_parameters(document, spec.get("parameters") or {})
    timeframe = spec.get("timeframe") or (spec.get("dataset") or {}).get("timeframe")
    return parse_document({**document.to_json(), "timeframe": timeframe}) if timeframe else document


def reference_of(resource: Object) -> str:
    """Return the name of the Strategy that a bot or backtest names, empty if it names none."""
    return str(((resource.get("spec") or {}).get("strategy") or {}).get("ref", {}).get("name", ""))


def kept_document(config_map: Object | None, file: str) -> StrategyDocument | None:
    """Return the document that was last copied into a pod's ConfigMap, None if there is none that can be read."""
    try:
        return parse_document(json.loads((config_map or {})["data"][file])["strategy"])
    except (KeyError, TypeError, ValueError):
        return None


def _named(name: str, library: Mapping[str, Object]) -> StrategyDocument:
    found = library.get(name)
    if found is None:
        message = f"this namespace has no Strategy {name!r}{suggestion(name, library)}"
        raise InvalidDocumentError([DocumentError("", "strategy.ref", MISSING, message)])
    try:
        return parse_document(found["spec"].get("document"))
    except InvalidDocumentError as exc:
        raise InvalidDocumentError(
            [DocumentError("", "strategy.ref", error.code, f"Strategy {name!r} is not valid: {error}") for error in exc.errors]
        ) from None
