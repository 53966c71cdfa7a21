"""The shape of a document: what its models refuse, as faults with a place.

Its fields have one name each, that of the custom resource: a document that is good here is good for `kubectl apply` too.
"""

from typing import Any, TypeVar

from pydantic import ValidationError

from tradewind_api.contract import Contract
from tradewind_api.document.errors import DocumentError
from tradewind_api.document.model import Entry, Exit, Ladder, Node, Protect, Size, StrategyDocument
from tradewind_api.document.suggestions import Suggestions

Part = TypeVar("Part", bound=Contract)
MODELS: dict[str, type[Contract]] = {
    "": StrategyDocument,
    "nodes": Node,
    "entry": Entry,
    "entry.size": Size,
    "entry.ladder": Ladder,
    "exit": Exit,
    "protect": Protect,
}
FIELDS = {
    path: {name: field.alias or name for name, field in model.model_fields.items()} for path, model in MODELS.items()
}  # the document's names by those of the program


def shaped(model: type[Part], raw: Any) -> Part:
    """Return a JSON value as a part of a document. Raises ValidationError."""
    return model.model_validate(raw, by_alias=True, by_name=False)


def part(model: type[Part], raw: Any) -> Part | None:
    """Return a part of a document, None where it is not well-shaped."""
    try:
        return shaped(model, raw)
    except ValidationError:
        return None


def shape_errors(raw: Any, exc: ValidationError, suggest: Suggestions) -> list[DocumentError]:
    """Return what the models said of the document `raw`."""
    errors = []
    for fault in exc.errors(include_url=False, include_context=False, include_input=False):
        path = list(fault["loc"])
        model = ".".join(str(part) for part in path[:-1] if isinstance(part, str))
        node = ""
        if len(path) > 1 and path[0] == "nodes" and isinstance(path[1], int):
            candidate = raw["nodes"][path[1]]
            node = str(candidate.get("id", path[1]))[:31] if isinstance(candidate, dict) else str(path[1])
            path = path[2:]
        code = {"missing": "Required", "extra_forbidden": "UnknownField"}.get(fault["type"], "Invalid")
        message = fault["msg"]
        if code == "Required":
            message = "is required"
        elif code == "UnknownField":
            message = f"is not a field of the document{_meant(str(path[-1]), FIELDS.get(model, {}), suggest) if path else ''}"
        errors.append(DocumentError(node, ".".join(map(str, path)), code, message))
    return errors


def _meant(name: str, fields: dict[str, str], suggest: Suggestions) -> str:
    """Return the field that somebody meant: `stop_loss_percent` is the program's name of `stopLossPercent`."""
    return f"; did you mean {fields[name]!r}?" if name in fields else suggest(name, fields.values())
