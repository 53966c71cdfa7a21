"""Idempotency-Key on POST (draft-ietf-httpapi-idempotency-key-header-07): a repeated request gets the first one's answer.

Kept for a day, for each user. The same key with another request is an error, and so is one whose first request still runs.
Answers of errors are not kept: nothing was made, so trying again is right.
"""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated

import orjson
from fastapi import Header, Request, Response
from pydantic import BaseModel

from tradewind_portal.auth.subject import Subject
from tradewind_portal.clock import now_ms
from tradewind_portal.problems import Problem
from tradewind_portal.store import Cursor, Row, Store, one_row

KEEP_MS = 86_400_000
KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=128,
        pattern="^[!-~]+$",
        description="Any unique text; a repeat within a day gets the first answer.",
    ),
]


class Replays:
    """Answers by user and key."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: set[tuple[str, str]] = set()

    async def once(
        self,
        request: Request,
        subject: Subject,
        key: str | None,
        make: Callable[[], Awaitable[tuple[BaseModel, dict[str, str]]]],
    ) -> Response:
        """Return the 201 of `make` (body, headers), or the one it gave before under this key.

        Raises:
            Problem: 422 if the key came with another request, 409 while that one runs.
        """
        if key is None:
            return _response(*_rendered(await make()))
        slot = (subject.user_id, key)
        digest = hashlib.sha256(f"{request.method} {request.url.path}\n".encode() + await request.body()).hexdigest()
        if slot in self._running:
            raise Problem(409, "StillRunning", "the first request with this Idempotency-Key is still running")
        self._running.add(slot)
        try:
            found = await self._store.read(lambda cursor: _find(cursor, *slot))
            if found is not None:
                if found["request_hash"] != digest:
                    raise Problem(422, "KeyReused", "this Idempotency-Key came with another request before")
                return _response(found["body"].encode(), {**orjson.loads(found["headers"]), "Idempotency-Replayed": "true"})
            body, headers = _rendered(await make())
            await self._store.write(lambda cursor: _keep(cursor, slot, digest, body, headers))
            return _response(body, headers)
        finally:
            self._running.discard(slot)


def _rendered(made: tuple[BaseModel, dict[str, str]]) -> tuple[bytes, dict[str, str]]:
    model, headers = made
    return model.model_dump_json().encode(), headers


def _response(body: bytes, headers: dict[str, str]) -> Response:
    return Response(body, 201, headers, media_type="application/json")


def _find(cursor: Cursor, user_id: str, key: str) -> Row | None:
    sql = "SELECT * FROM idempotency WHERE user_id = ? AND key = ? AND stored_ms > ?"
    return one_row(cursor, sql, [user_id, key, now_ms() - KEEP_MS])


def _keep(cursor: Cursor, slot: tuple[str, str], digest: str, body: bytes, headers: dict[str, str]) -> None:
    now = now_ms()
    cursor.execute("DELETE FROM idempotency WHERE stored_ms <= ?", [now - KEEP_MS])
    cursor.execute(
        "INSERT INTO idempotency VALUES (?, ?, ?, 201, ?, ?, ?)",
        [*slot, digest, orjson.dumps(headers).decode(), body.decode(), now],
    )
