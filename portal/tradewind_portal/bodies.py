"""Bodies of requests, as JSON whose keys are told apart.

JSON lets a key stand twice and readers take the last, so that a forgotten line decides: it is refused.
"""

import json
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute


class OnceRoute(APIRoute):
    """A route whose JSON may have each key once in an object."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the framework's handler over a request that reads JSON so."""
        handle = super().get_route_handler()

        async def once(request: Request) -> Response:
            return await handle(_Request(request.scope, request.receive))

        return once


class _Request(Request):
    async def json(self) -> Any:
        return json.loads(await self.body(), object_pairs_hook=_told_apart)


def _told_apart(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise HTTPException(400, f"the key {twice[:63]!r} stands twice in one object: only one of them could count")
    return found
