"""The table of blocks."""

from tradewind_api.runner import ShardState
from tradewind_portal.store import Cursor, all_rows, one_row

DONE = ""  # the digest of the row that says so


def insert(
    cursor: Cursor, backtest_uid: str, shard: int, fingerprint: str, *, digest: str, block: bytes, stored_ms: int
) -> None:
    """Store a block; the same one again changes nothing."""
    cursor.execute(
        "INSERT INTO optimisation_blocks VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [backtest_uid, shard, fingerprint, digest, block, len(block), stored_ms],
    )


def bytes_of(cursor: Cursor, backtest_uid: str) -> int:
    """Return how much one optimisation has stored."""
    row = one_row(
        cursor, "SELECT coalesce(sum(bytes), 0) AS bytes FROM optimisation_blocks WHERE backtest_uid = ?", [backtest_uid]
    )
    return int(row["bytes"]) if row else 0


def states_of(cursor: Cursor, backtest_uid: str) -> list[ShardState]:
    """Return the shards that have stored anything, by number."""
    sql = (
        "SELECT shard, sum(bytes) AS bytes, bool_or(digest = '') AS done FROM optimisation_blocks "
        "WHERE backtest_uid = ? GROUP BY shard ORDER BY shard"
    )
    return [
        ShardState(shard=row["shard"], bytes=int(row["bytes"]), done=bool(row["done"]))
        for row in all_rows(cursor, sql, [backtest_uid])
    ]


def digests_of(cursor: Cursor, backtest_uid: str, shard: int, fingerprint: str) -> list[str]:
    """Return the digests of a shard's blocks that were scored over what `fingerprint` names, oldest first."""
    sql = (
        "SELECT digest FROM optimisation_blocks WHERE backtest_uid = ? AND shard = ? AND fingerprint = ? AND digest <> '' "
        "ORDER BY stored_ms, digest"
    )
    return [row["digest"] for row in all_rows(cursor, sql, [backtest_uid, shard, fingerprint])]


def block_of(cursor: Cursor, key: tuple[str, int, str, str]) -> bytes:
    """Return the block of a backtest, shard, fingerprint and digest; no bytes if it was deleted meanwhile.

    By the whole key and nothing else: asked for in any other way DuckDB reads the blocks beside it too, and runs out of memory.
    """
    sql = "SELECT block FROM optimisation_blocks WHERE backtest_uid = ? AND shard = ? AND fingerprint = ? AND digest = ?"
    row = one_row(cursor, sql, list(key))
    return bytes(row["block"]) if row else b""


def forget(cursor: Cursor, *, reported_before_ms: int, stored_before_ms: int) -> None:
    """Delete the blocks of optimisations that have a report for a while, and of those that never came to one."""
    cursor.execute(
        "DELETE FROM optimisation_blocks WHERE stored_ms < ? "
        "OR backtest_uid IN (SELECT backtest_uid FROM results WHERE stored_ms < ?)",
        [stored_before_ms, reported_before_ms],
    )
