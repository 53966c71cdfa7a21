"""ETag and If-Match by metadata.generation: it changes with the spec only, so status writes never make an editor stale."""

from typing import Annotated

from fastapi import Header

from tradewind_portal.cluster.port import Object
from tradewind_portal.problems import Problem

IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=32, description='The ETag that was read, such as "3", or * for whatever is there.'),
]


def etag(item: Object) -> str:
    """Return an object's ETag."""
    return f'"{item["metadata"]["generation"]}"'


def check_generation(item: Object, if_match: str | None) -> None:
    """Return if the object is the one that was read.

    Raises:
        Problem: 428 without If-Match, 412 if the spec was changed since.
    """
    if if_match is None:
        raise Problem(428, "IfMatchRequired", "send If-Match with the ETag that you read, or * to overwrite whatever is there")
    if if_match.strip() != "*" and if_match.strip().removeprefix("W/") != etag(item):
        raise Problem(
            412, "Changed", f"it was changed meanwhile: its ETag is {etag(item)}; read it again", headers={"ETag": etag(item)}
        )
