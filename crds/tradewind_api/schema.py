"""From pydantic to the structural schema that a real API server accepts.

Kubernetes knows no $ref, no anyOf with null, no exclusive bounds and no default made by a function; what it refuses is resolved
or dropped here, and the same models check the same values in portal and operator.
"""

from typing import Any

from tradewind_api.resources import API_VERSION, GROUP, VERSION, Kind, Resource

DROPPED = {"title", "additionalProperties", "examples", "$defs", "const", "propertyNames"}
MAX_STRING = 1024


def structural(model: type[Resource]) -> dict[str, Any]:
    """Return the structural schema of a model, every field described."""
    raw = model.model_json_schema(by_alias=True, mode="validation")
    return _convert(raw, raw.get("$defs", {}))


def custom_resource_definition(kind: Kind) -> dict[str, Any]:
    """Return the CustomResourceDefinition of a kind."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.kind.lower(),
                "shortNames": [name for name in kind.short if name != kind.kind.lower()],
                "categories": ["tradewind"],
            },
            "versions": [_version(kind)],
        },
    }


def _version(kind: Kind) -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": c.name, "jsonPath": c.path, "type": c.type} | ({"priority": 1} if c.wide else {}) for c in kind.columns
        ],
        "selectableFields": [{"jsonPath": path} for path in kind.selectable],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "description": kind.description,
                "required": ["spec"],
                "properties": {
                    "apiVersion": {"type": "string", "description": f"Always {API_VERSION}."},
                    "kind": {"type": "string", "description": f"Always {kind.kind}."},
                    "metadata": {"type": "object"},
                    "spec": structural(kind.spec) | {"description": _first_line(kind.spec)},
                    "status": structural(kind.status) | {"description": _first_line(kind.status)},
                },
            }
        },
    }


def _first_line(model: type[Resource]) -> str:
    return (model.__doc__ or "").split("\n")[0]


def _convert(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    schema = _resolve(schema, definitions)
    found: dict[str, Any] = {key: value for key, value in schema.items() if key not in DROPPED}
    if "default" in found:
        found["default"] = _without_null(found["default"])
        if found["default"] is None:
            del found["default"]
    if "items" in found:
        found["items"] = _convert(found["items"], definitions)
    values = schema.get("additionalProperties")
    if isinstance(values, dict):  # a map: its keys are free
        found.pop("properties", None)
        found["additionalProperties"] = _convert(values, definitions)
    elif "properties" in found:
        found["properties"] = {name: _convert(field, definitions) for name, field in found["properties"].items()}
    if "enum" in found:
        found["type"] = "string"
    elif found.get("type") == "string":
        found.setdefault("maxLength", MAX_STRING)
    if "description" in found:
        found["description"] = " ".join(str(found["description"]).split())
    return found


def _without_null(value: Any) -> Any:
    return {key: _without_null(v) for key, v in value.items() if v is not None} if isinstance(value, dict) else value


def _resolve(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with $ref, one-element allOf and `or null` replaced by what they stand for; own keys win."""
    if "anyOf" in schema:
        choices = [choice for choice in schema["anyOf"] if choice.get("type") != "null"]
        if len(choices) != 1:
            raise ValueError(f"a structural schema cannot choose between types: {schema}")
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return _resolve({**choices[0], **rest}, definitions)
    if "$ref" in schema:
        target = definitions[schema["$ref"].rsplit("/", 1)[1]]
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        rules = [*target.get("x-kubernetes-validations", []), *rest.get("x-kubernetes-validations", [])]
        return _resolve({**target, **rest, **({"x-kubernetes-validations": rules} if rules else {})}, definitions)
    return schema
