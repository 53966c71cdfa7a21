"""YAML or JSON text that a person wrote, to JSON values. What nobody means well with is refused before anything is built of it.

YAML lets a key stand twice and takes the last, so that a forgotten line decides; here both are named.
"""

from collections.abc import Iterator
from typing import Any

import yaml

from tradewind_api.document.errors import DocumentError, InvalidDocumentError
from tradewind_api.document.model import MAX_BYTES

MAX_TEXT, MAX_EVENTS, MAX_DEPTH = 8 * MAX_BYTES, 5_000, 20
LONGEST_NUMBER = 400  # digits of the smallest float written out; an integer to the base of 60 takes the square of its length
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # twenty times as fast, where libyaml is
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
MERGE = "tag:yaml.org,2002:merge"


def read_text(text: str) -> Any:
    """Return the value in YAML or JSON text. Raises InvalidDocumentError, with every key that stands twice."""
    if len(text) > MAX_TEXT:
        raise InvalidDocumentError([DocumentError("", "", "TooLarge", f"the file has more than {MAX_TEXT} characters")])
    try:
        _look_through(text)
        loader = Loader(text)
        try:
            root = loader.get_single_node()
            twice = list(_given_twice(root, ""))
            value = loader.construct_document(root) if root and not twice else None
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, ArithmeticError, RecursionError) as exc:
        detail = " ".join(str(exc).split())[:200]
        raise InvalidDocumentError([DocumentError("", "", "NotYaml", f"this is not YAML: {detail}")]) from None
    if twice:
        raise InvalidDocumentError(twice)
    return value


def _look_through(text: str) -> None:
    """Raise YAMLError for what no document needs.

    A few hundred bytes of aliases expand to gigabytes; deep nesting ends in the C stack, and many small values take long.
    """
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=Loader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed")
        tag = getattr(event, "tag", None)
        if tag is not None:  # `!!int ""` ends in whatever the constructor of integers trips over
            raise yaml.YAMLError(f"tags such as {tag[:40]} are not allowed")
        if depth > MAX_DEPTH:
            raise yaml.YAMLError(f"more than {MAX_DEPTH} levels inside each other")
        if count > MAX_EVENTS:
            raise yaml.YAMLError(f"more than {MAX_EVENTS} parts: a document is at most {MAX_BYTES} bytes of JSON")


def _given_twice(node: yaml.Node | None, path: str) -> Iterator[DocumentError]:
    """Yield a fault for each key that its mapping has already. Raises YAMLError for what no document needs."""
    if isinstance(node, yaml.ScalarNode) and node.tag in NUMBERS and len(node.value) > LONGEST_NUMBER:
        raise yaml.YAMLError(f"a number of {len(node.value)} characters in {_line(node)}")
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _given_twice(item, f"{path}{index}.")
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[tuple[str, str], yaml.Node] = {}
    for key, item in node.value:
        if key.tag == MERGE:
            raise yaml.YAMLError(f"merge keys such as << in {_line(key)} are not allowed")
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        first = seen.setdefault((key.tag, name), key) if isinstance(key, yaml.ScalarNode) else key
        if first is not key:
            message = f"stands in {_line(first)} and again in {_line(key)}: only one of them could count"
            yield DocumentError("", f"{path}{name:.63}", "DuplicateKey", message)
        yield from _given_twice(key, path)
        yield from _given_twice(item, f"{path}{name:.63}.")


def _line(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}"
