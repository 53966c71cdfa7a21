"""Keeping what optimisations have scored, until a while after their report: a pod that is killed late finds it again."""

import hashlib
from collections.abc import AsyncIterator
from functools import partial

from tradewind_api.runner import ShardState
from tradewind_portal.clock import now_ms
from tradewind_portal.optimisations import queries
from tradewind_portal.problems import Problem
from tradewind_portal.store import Cursor, Store

MOST_BYTES = 512 << 20
HOUR_MS = 3_600_000
KEEP_REPORTED_MS, KEEP_MS = 2 * HOUR_MS, 7 * 24 * HOUR_MS


class Optimisations:
    """Blocks of one backtest at a time."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, backtest_uid: str, shard: int, fingerprint: str, block: bytes, *, done: bool) -> None:
        """Store a block, and that the shard is done; durable on return. Raises Problem 413 beyond MOST_BYTES."""
        now, digest = now_ms(), hashlib.sha256(block).hexdigest()

        def keep(cursor: Cursor) -> None:
            if block:
                if queries.bytes_of(cursor, backtest_uid) + len(block) > MOST_BYTES:
                    raise Problem(413, "TooLarge", f"an optimisation may keep {MOST_BYTES >> 20} MiB; search fewer points")
                queries.insert(cursor, backtest_uid, shard, fingerprint, digest=digest, block=block, stored_ms=now)
            if done:
                queries.insert(cursor, backtest_uid, shard, fingerprint, digest=queries.DONE, block=b"", stored_ms=now)
                queries.forget(cursor, reported_before_ms=now - KEEP_REPORTED_MS, stored_before_ms=now - KEEP_MS)

        await self._store.write(keep)

    async def states(self, backtest_uid: str) -> list[ShardState]:
        """Return the shards that have stored anything, by number."""
        return await self._store.read(lambda cursor: queries.states_of(cursor, backtest_uid))

    async def blocks(self, backtest_uid: str, shard: int, fingerprint: str) -> AsyncIterator[bytes]:
        """Return the blocks of a shard, oldest first, each read in its turn: all of them DuckDB could not hold at once."""
        digests = await self._store.read(lambda cursor: queries.digests_of(cursor, backtest_uid, shard, fingerprint))

        async def one_by_one() -> AsyncIterator[bytes]:
            for digest in digests:
                yield await self._store.read(partial(queries.block_of, key=(backtest_uid, shard, fingerprint, digest)))

        return one_by_one()
