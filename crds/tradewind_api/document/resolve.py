"""From what a person wrote to a document that can run: YAML text, shipped templates, parameters by address."""

from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml

from tradewind_api.document.errors import DocumentError, InvalidDocumentError
from tradewind_api.document.model import MAX_BYTES, StrategyDocument
from tradewind_api.document.validation import parse_document, suggestion

MAX_TEXT, MAX_EVENTS, MAX_DEPTH = 8 * MAX_BYTES, 5_000, 20
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # twenty times as fast, where libyaml is
TEMPLATES = ("bollinger-breakout", "dca-dip", "macd", "mean-reversion", "momentum", "rsi", "sma-crossover")


def read_document(text: str) -> StrategyDocument:
    """Return the document in YAML or JSON text. Raises InvalidDocumentError."""
    if len(text) > MAX_TEXT:
        raise InvalidDocumentError([DocumentError("", "", "TooLarge", f"the file has more than {MAX_TEXT} characters")])
    try:
        _look_through(text)
        raw = yaml.load(text, Loader=Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        detail = " ".join(str(exc).split())[:200]
        raise InvalidDocumentError([DocumentError("", "", "NotYaml", f"this is not YAML: {detail}")]) from None
    return parse_document(raw)


def _look_through(text: str) -> None:
    """Raise YAMLError for what no document needs, before anything is built of it.

    A few hundred bytes of aliases expand to gigabytes; deep nesting ends in the C stack, and many small values take long.
    """
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=Loader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"more than {MAX_DEPTH} levels inside each other")
        if count > MAX_EVENTS:
            raise yaml.YAMLError(f"more than {MAX_EVENTS} parts: a document is at most {MAX_BYTES} bytes of JSON")


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
