"""From what a person wrote to a document that can run: YAML text, shipped templates, parameters by address."""

from collections.abc import Mapping
from importlib import resources
from typing import Any

from tradewind_api.document.errors import DocumentError, InvalidDocumentError
from tradewind_api.document.model import StrategyDocument
from tradewind_api.document.suggestions import suggestion
from tradewind_api.document.text import read_text
from tradewind_api.document.validation import parse_document

TEMPLATES = ("bollinger-breakout", "dca-dip", "macd", "mean-reversion", "momentum", "rsi", "sma-crossover")


def read_document(text: str) -> StrategyDocument:
    """Return the document in YAML or JSON text. Raises InvalidDocumentError."""
    return parse_document(read_text(text))


def template(name: str) -> StrategyDocument:
    """Return the shipped strategy called `name`. Raises InvalidDocumentError for an unknown one."""
    if name not in TEMPLATES:
        message = f"no template {name!r}{suggestion(name, TEMPLATES)}; there are {', '.join(TEMPLATES)}"
        raise InvalidDocumentError([DocumentError("", "template", "UnknownTemplate", message)])
    folder = resources.files("tradewind_api.document") / "templates"
    return read_document((folder / f"{name}.yaml").read_text())


def with_parameters(document: StrategyDocument, parameters: Mapping[str, float]) -> StrategyDocument:
    """Return the document with `node.param` addresses set. Raises InvalidDocumentError with every fault."""
    if not parameters:
        return document
    raw: dict[str, Any] = document.to_json()
    nodes = {node["id"]: node for node in raw["nodes"]}
    errors = []
    for address, value in parameters.items():
        node, _, name = address.partition(".")
        if node == "protect" and name:
            raw["protect"][name] = value
        elif node in {"size", "ladder"} and name and node in raw["entry"]:
            raw["entry"][node][name] = value
        elif node in nodes and name:
            nodes[node]["params"][name] = value
        else:
            hint = suggestion(node, nodes)
            message = f"no parameter {address!r}: addresses are node.param{hint}"
            errors.append(DocumentError("", f"parameters.{address}", "UnknownAddress", message))
    if errors:
        raise InvalidDocumentError(errors)
    return parse_document(raw)
