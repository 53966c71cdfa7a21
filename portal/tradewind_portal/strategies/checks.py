"""The strategy in a request, checked as the operator will check it, with pointers to each fault.

The API server knows the shape of a document only; what it means is checked here so that the answer names the node.
"""

from typing import Any

from tradewind_api.document.errors import DocumentError, InvalidDocumentError
from tradewind_api.document.resolve import template, with_parameters
from tradewind_api.document.validation import parse_document
from tradewind_api.runner import ExchangeConfig
from tradewind_portal.problems import FieldError, Problem, pointer


def check_strategy(spec: dict[str, Any]) -> list[FieldError]:
    """Return what is wrong with `spec.strategy` and `spec.parameters`. A strategy by reference is the operator's to look up."""
    choice = spec.get("strategy", {})
    written = choice.get("document")
    if written is None and choice.get("template") is None:
        return []
    try:
        document = parse_document(written) if written is not None else template(choice["template"])
    except InvalidDocumentError as exc:
        return [placed(error, written or {}, ["spec", "strategy", "document"]) for error in exc.errors]
    try:
        with_parameters(document, spec.get("parameters", {}))
    except InvalidDocumentError as exc:
        return [_parameter(error) for error in exc.errors]
    return []


def check_exchange(name: str, exchanges: list[ExchangeConfig], where: str) -> list[FieldError]:
    """Return what is wrong with an exchange's name."""
    names = [exchange.name for exchange in exchanges]
    if name in names:
        return []
    offered = f"there are {', '.join(names)}" if names else "none is configured"
    return [FieldError(where, "unknown", f"this platform has no exchange {name!r}; {offered}")]


def refuse(errors: list[FieldError]) -> None:
    """Raise Problem 422 if there are errors."""
    if errors:
        raise Problem(422, "Invalid", "; ".join(error.detail for error in errors[:3]), errors=errors)


def placed(error: DocumentError, document: dict[str, Any], place: list[object]) -> FieldError:
    """Return a fault of a document that stands at `place` in the request, with a pointer to the node."""
    if error.code == "UnknownTemplate":
        return FieldError("/spec/strategy/template", error.code, error.message)
    parts = list(place)
    if error.node:
        nodes = document.get("nodes")
        ids = [node.get("id") if isinstance(node, dict) else None for node in nodes] if isinstance(nodes, list) else []
        place_in_list = ids.index(error.node) if error.node in ids else error.node if error.node.isdecimal() else ""
        parts += ["nodes", place_in_list] if place_in_list != "" else ["nodes"]  # one without an id goes by its number
    parts += [part for part in error.field.split(".") if part]
    return FieldError(pointer(parts), error.code, str(error))


def _parameter(error: DocumentError) -> FieldError:
    if error.field.startswith("parameters."):
        return FieldError(pointer(["spec", "parameters", error.field.removeprefix("parameters.")]), error.code, error.message)
    address = f"{error.node}.{error.field.removeprefix('params.')}" if error.node else error.field
    return FieldError(pointer(["spec", "parameters", address]), error.code, str(error))
