"""The store: one owner, locked down, nothing acknowledged that is not durable."""
# ruff: noqa: ASYNC221, ASYNC222, ASYNC240 - nothing else runs on these loops while a second process is tried

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tradewind_portal.store import Cursor, FileTakenError, SchemaMismatchError, Store, StoreTimeoutError, one_row
from tradewind_portal.store.connection import EXIT_FORKED, Connection
from tradewind_portal.store.migrations import Migration, migrate, shipped

OPEN_AND_EXIT = "import sys, pathlib; from tradewind_portal.store import Store; Store(pathlib.Path(sys.argv[1]))"

READ_AND_REST = """
import json, pathlib, sys, time
from concurrent.futures import ThreadPoolExecutor
from tradewind_portal.store.connection import Connection
def held():
    return int(pathlib.Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0]) / 1024
def read(cursor):
    sql = "SELECT i, repeat('x', 100) || i AS text FROM range(400000) AS rows(i) ORDER BY hash(i) LIMIT 390000"
    cursor.execute(f"SELECT count(*) FROM ({sql})").fetchone()
    cursor.close()
connection = Connection(pathlib.Path(sys.argv[1]) / "a.duckdb", memory_mib=256, threads=2)
readers = ThreadPoolExecutor(4)  # they live on and do nothing, as the portal's do
before = held()
for reading in [readers.submit(read, connection.cursor()) for _ in range(4)]:
    reading.result()
most, until = held(), time.monotonic() + 20
while held() > before + (most - before) / 2 and time.monotonic() < until:
    time.sleep(0.1)
print(json.dumps({"before": before, "most": most, "after": held()}))
connection.close()
"""


async def opened(folder: Path, **settings: float) -> Store:
    store = Store(folder, **settings)  # type: ignore[arg-type]
    store.start()
    return store


def note(cursor: Cursor, key: str) -> None:
    cursor.execute("INSERT INTO idempotency VALUES ('u', ?, 'h', 201, '{}', '', 0)", [key])


def count(cursor: Cursor) -> int:
    row = one_row(cursor, "SELECT count(*) AS n FROM idempotency")
    assert row is not None
    return int(row["n"])


async def test_a_second_process_is_refused_and_told_who_owns_the_file(tmp_path: Path):
    """Two portals on one folder: the second ends with the first one's process id."""
    store = await opened(tmp_path)
    second = subprocess.run([sys.executable, "-c", OPEN_AND_EXIT, str(tmp_path)], capture_output=True, text=True, check=False)
    await store.close()
    assert "FileTakenError" in second.stderr
    assert f"locked by process {os.getpid()}" in second.stderr


async def test_reading_the_file_inside_the_process_does_not_let_a_second_one_in(tmp_path: Path):
    """DuckDB's own lock is gone after any close of the file in the process; ours is not."""
    store = await opened(tmp_path)
    for file in tmp_path.iterdir():
        if file.is_file():
            file.open("rb").close()
    with pytest.raises(FileTakenError):
        Store(tmp_path)
    second = subprocess.run([sys.executable, "-c", OPEN_AND_EXIT, str(tmp_path)], capture_output=True, text=True, check=False)
    await store.close()
    assert "FileTakenError" in second.stderr


async def test_a_closed_file_can_be_opened_again_with_everything_in_it(tmp_path: Path):
    """Close checkpoints and gives the lock back."""
    store = await opened(tmp_path)
    await store.write(lambda cursor: note(cursor, "kept"))
    await store.close()
    store = await opened(tmp_path)
    assert 1 == await store.read(count)
    await store.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
async def test_a_forked_child_ends_at_once(tmp_path: Path):
    """The child must not live to write to, or close, the same database."""
    store = await opened(tmp_path)
    await store.write(lambda cursor: note(cursor, "before"))
    child = os.fork()
    if child == 0:
        os._exit(0)  # not reached: the child ends inside fork
    _, status = os.waitpid(child, 0)
    assert EXIT_FORKED == os.waitstatus_to_exitcode(status)
    await store.write(lambda cursor: note(cursor, "after"))
    assert 2 == await store.read(count)
    await store.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY users TO '/tmp/users.csv'",
        "ATTACH '/tmp/other.duckdb' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '100GB'",
        "EXPORT DATABASE '/tmp/dump'",
        "SELECT * FROM glob('/*')",
    ],
)
async def test_sql_reaches_no_file_network_or_setting(tmp_path: Path, sql: str):
    """Even if a statement of somebody else ever ran here, it would get no further."""
    store = await opened(tmp_path)
    with pytest.raises(duckdb.Error):
        await store.read(lambda cursor: cursor.execute(sql).fetchall())
    await store.close()


async def test_sql_cannot_read_python_variables(tmp_path: Path):
    """Replacement scans are off."""
    store = await opened(tmp_path)
    stolen = {"a": [1]}
    with pytest.raises(duckdb.CatalogException):
        await store.read(lambda cursor: cursor.execute("SELECT * FROM stolen").fetchall() or stolen)
    await store.close()


async def test_a_failing_job_takes_back_only_itself(tmp_path: Path):
    """Jobs of one group are independent: nine are kept, the one that raised is not."""
    store = await opened(tmp_path)

    def bad(cursor: Cursor) -> None:
        note(cursor, "bad")
        raise LookupError("no")

    jobs = [store.write(lambda cursor, key=key: note(cursor, key)) for key in map(str, range(9))]  # type: ignore[misc]
    results = await asyncio.gather(*jobs[:5], store.write(bad), *jobs[5:], return_exceptions=True)
    assert [None] * 9 == [result for result in results if result is None]
    assert ["no"] == [str(result) for result in results if result is not None]
    assert 9 == await store.read(count)
    await store.close()


async def test_a_duplicate_key_fails_alone(tmp_path: Path):
    """A constraint error inside a group does not fail its neighbours."""
    store = await opened(tmp_path)
    results = await asyncio.gather(
        *[store.write(lambda cursor, key=key: note(cursor, key)) for key in "aabc"],  # type: ignore[misc]
        return_exceptions=True,
    )
    assert 1 == sum(isinstance(result, duckdb.ConstraintException) for result in results)
    assert 3 == await store.read(count)
    await store.close()


async def test_many_readers_each_get_their_own_answer(tmp_path: Path):
    """One cursor a query: no answer goes to another asker."""
    store = await opened(tmp_path)

    def echo(number: int) -> object:
        return lambda cursor: cursor.execute("SELECT ? + sum(range) * 0 FROM range(2000)", [number]).fetchone()[0]

    answers = await asyncio.gather(*[store.read(echo(number)) for number in range(300)])  # type: ignore[arg-type]
    assert list(range(300)) == [int(answer) for answer in answers]
    await store.close()


async def test_a_query_that_never_ends_is_interrupted(tmp_path: Path):
    """The deadline ends it, and the store serves on."""
    store = await opened(tmp_path, query_seconds=0.2)
    with pytest.raises(StoreTimeoutError):
        await store.read(
            lambda cursor: cursor.execute("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b").fetchall()
        )
    assert 0 == await store.read(count)
    await store.close()


def test_a_changed_migration_is_refused(tmp_path: Path):
    """What was applied must stay as it was."""
    connection = Connection(tmp_path / "x.duckdb", memory_mib=128, threads=1)
    assert 1 == migrate(connection, [Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER)")])
    assert 0 == migrate(connection, [Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER)")])
    with pytest.raises(SchemaMismatchError, match=r"0001_a\.sql was changed"):
        migrate(connection, [Migration(1, "0001_a.sql", "CREATE TABLE a (x BIGINT)")])
    connection.close()


def test_a_newer_database_is_refused(tmp_path: Path):
    """An older portal must not touch what it does not understand."""
    connection = Connection(tmp_path / "x.duckdb", memory_mib=128, threads=1)
    migrate(
        connection,
        [Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER)"), Migration(2, "0002_b.sql", "CREATE TABLE b (x INTEGER)")],
    )
    with pytest.raises(SchemaMismatchError, match=r"0002_b.sql.*newer"):
        migrate(connection, [Migration(1, "0001_a.sql", "CREATE TABLE a (x INTEGER)")])
    connection.close()


def test_shipped_migrations_are_numbered_without_gaps():
    """1, 2, 3 ..."""
    assert list(range(1, len(shipped()) + 1)) == [migration.number for migration in shipped()]


async def test_what_the_log_has_and_the_file_has_not_stays_little(tmp_path: Path):
    """It is held in memory until it is in the file: four mebibytes, whatever is written, but for the group that goes beyond."""
    store = await opened(tmp_path)
    log, most = tmp_path / "trading_bot.duckdb.wal", 0
    for number in range(24):
        texts = [os.urandom(512).hex() for _ in range(512)]
        sql = "INSERT INTO idempotency SELECT 'u', ? || generate_subscripts(?, 1), 'h', 201, '{}', unnest(?), 0"
        await store.write(lambda cursor, at=number, told=texts, sql=sql: cursor.execute(sql, [f"{at}-", told, told]))
        most = max(most, log.stat().st_size if log.exists() else 0)
    assert 24 * 512 == await store.read(count)
    await store.close()
    assert 2 * 2**20 < most < 6 * 2**20


def test_what_queries_have_freed_is_given_back_while_the_store_rests(tmp_path: Path):
    """Their threads sleep by then and give nothing back themselves."""
    ran = subprocess.run([sys.executable, "-c", READ_AND_REST, str(tmp_path)], capture_output=True, text=True, check=True)
    held = json.loads(ran.stdout)
    assert held["most"] > held["before"] + 10
    assert held["after"] < held["before"] + (held["most"] - held["before"]) / 2
