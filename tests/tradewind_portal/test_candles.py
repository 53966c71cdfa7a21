"""Imported candles: bad files are refused with row and fix, good ones are stored once and served by range."""

import io
from pathlib import Path

import httpx2
import numpy as np
import pyarrow as pa
import pytest
from portal_double import Running, running_portal
from pyarrow import parquet

from tradewind_api.document.digest import data_digest
from tradewind_engine.candle_files import read_candle_file
from tradewind_engine.resampling import resample
from tradewind_portal.candles.ranges import Cut, Import, Plan, plan_range
from tradewind_portal.cluster.port import Kind

pytestmark = pytest.mark.slow

START, MINUTE = 1_735_689_600_000, 60_000
PLACE = "/api/v1/candles?exchange=simulated&symbol=BTC/USDT"
HEADER = "ts,open,high,low,close,volume\n"


def row(index: int, price: float = 100, **change: object) -> str:
    values = {"ts": START + index * MINUTE, "open": price, "high": price + 2, "low": price - 1, "close": price + 1, "volume": 5}
    return ",".join(str(value) for value in (values | change).values())


def csv(*indexes: int, price: float = 100) -> str:
    return HEADER + "\n".join(row(index, price) for index in indexes)


async def put(
    portal: Running, headers: dict[str, str], content: str | bytes, more: str = "", kind: str = "text/csv"
) -> httpx2.Response:
    return await portal.public.put(PLACE + more, content=content, headers={**headers, "Content-Type": kind})


def pod(portal: Running, tenant: str = "acme") -> dict[str, str]:
    """Return the headers of a bot's pod of a tenant."""
    namespace = f"tw-{tenant}-test"
    bot = portal.cluster.put(Kind.TRADING_BOT, {"metadata": {"name": "reader"}, "spec": {}}, namespace)
    labels = {
        "tradewind.dev/tenant": tenant,
        "tradewind.dev/bot": "reader",
        "tradewind.dev/bot-uid": bot["metadata"]["uid"],
    }
    return portal.cluster.run_pod(namespace, "reader-0", labels)


async def read(portal: Running, headers: dict[str, str], first: int, end: int, timeframe: str = "1m") -> httpx2.Response:
    span = {"exchange": "simulated", "symbol": "BTC/USDT", "timeframe": timeframe}
    return await portal.internal.get(
        "/runner/v1/candles", params={**span, "from": START + first * MINUTE, "to": START + end * MINUTE}, headers=headers
    )


def columns(answer: httpx2.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.frombuffer(answer.content, "<i8").reshape(6, int(answer.headers["Tradewind-Candles"]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            HEADER + row(1) + "\n" + row(0),
            "row 2, column ts: 1735689600000 is earlier than the row before: sort the rows by ts",
        ),
        (HEADER + row(0) + "\n" + row(0), "row 2, column ts: 1735689600000 stands twice: remove the duplicate row"),
        (HEADER + row(0) + "\n" + row(1, close="nan"), "row 2, column close: nan is not a finite number"),
        (HEADER + row(0) + "\n" + row(1, low=-1), "row 2, column low: -1.0 must be positive"),
        (HEADER + row(0) + "\n" + row(1, volume=-1), "row 2, column volume: -1.0 must not be negative"),
        (HEADER + row(0) + "\n" + row(1, high=50), "row 2, column high: 50.0 is below open or close"),
        (HEADER + row(0) + "\n" + row(1, open="x"), "row 2, column open: 'x' is not a number"),
        ("time,open,high,low,close,volume\n" + row(0), "missing column ts"),
        (HEADER + row(0), "a timeframe cannot be told from fewer than two candles"),
        (HEADER, "there is no candle"),
        (csv(0, 1, 2).replace("1735689720000", "1735689690000"), "is no timeframe"),
        (csv(0, 1) + "\n" + row(2, ts=START + 150_000), "is not on the grid of 1m candles"),
        (b"PAR1 and nothing", "this is not a readable Parquet file"),
        (b"\xff\xfe\x00", "neither Parquet nor a CSV file"),
        ("", "the body is empty"),
    ],
)
async def test_a_bad_file_is_refused_with_row_and_fix(
    portal: Running, alice: dict[str, str], content: str | bytes, message: str
):
    """422, the sentence names what to change, and nothing is listed."""
    answer = await put(portal, alice, content)
    assert 422 == answer.status_code, answer.text
    assert message in answer.json()["detail"]
    assert [] == (await portal.public.get("/api/v1/candles", headers=alice)).json()["items"]
    folder = portal.services.store.folder / "candles"
    assert [] == [file for file in folder.rglob("*") if file.is_file()], "nothing is left behind"


async def test_gaps_are_kept_and_told(portal: Running, alice: dict[str, str]):
    """Two candles are missing in the middle: the answer says where, the data is as it was."""
    answer = await put(portal, alice, csv(0, 1, 4, 5))
    assert [{"from": START + 2 * MINUTE, "to": START + 4 * MINUTE}] == answer.json()["gaps"]
    assert (4, 1, "1m") == (answer.json()["candles"], answer.json()["gapCount"], answer.json()["timeframe"])
    got = columns(await read(portal, pod(portal), 0, 6))
    assert [0, 1, 4, 5] == ((got[0] - START) // MINUTE).tolist()


async def test_csv_and_parquet_of_the_same_candles_are_one_dataset(portal: Running, alice: dict[str, str]):
    """The digest is of the values, as the engine computes it, and the second import changes nothing."""
    table = pa.table(
        {
            "ts": [START, START + MINUTE],
            "open": [100.0, 100.0],
            "high": [102.0, 102.0],
            "low": [99.0, 99.0],
            "close": [101.0, 101.0],
            "volume": [5.0, 5.0],
        }
    )
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    first = await put(portal, alice, csv(0, 1))
    second = await put(portal, alice, buffer.getvalue(), kind="application/vnd.apache.parquet")
    assert first.json()["dataDigest"] == second.json()["dataDigest"]
    assert 1 == len((await portal.public.get("/api/v1/candles", headers=alice)).json()["items"])
    prices = [np.array(values, "<f8").tobytes() for values in ([100, 100], [102, 102], [99, 99], [101, 101], [5, 5])]
    expected = data_digest("simulated", "BTC/USDT", "1m", [np.array([START, START + MINUTE], "<i8").tobytes(), *prices])
    assert expected == first.json()["dataDigest"]
    assert expected == (await read(portal, pod(portal), 0, 2)).headers["Tradewind-Data-Digest"]


async def test_two_tenants_share_a_file_and_know_nothing_of_it(portal: Running, alice: dict[str, str], bob: dict[str, str]):
    """One file on disk, two datasets; the one who has none is told that it is missing."""
    await put(portal, alice, csv(0, 1))
    assert 404 == (await read(portal, pod(portal, "umbrella"), 0, 2)).status_code
    assert [] == (await portal.public.get("/api/v1/candles", headers=bob)).json()["items"]
    digest = (await put(portal, bob, csv(0, 1))).json()["dataDigest"]
    assert 1 == len(list((portal.services.store.folder / "candles").rglob("*.columns")))
    assert 200 == (await portal.public.get(f"/api/v1/candles/{digest}", headers=bob)).status_code


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("exchange=nowhere&symbol=BTC/USDT", "?exchange"),
        ("exchange=simulated&symbol=btcusdt", "?symbol"),
        ("exchange=simulated&symbol=BTC/USDT&timeframe=7m", "?timeframe"),
        ("symbol=BTC/USDT", "?exchange"),
    ],
)
async def test_a_wrong_parameter_is_pointed_at(portal: Running, alice: dict[str, str], query: str, pointer: str):
    """Unknown exchange, symbol, timeframe."""
    answer = await portal.public.put(
        f"/api/v1/candles?{query}", content=csv(0, 1), headers={**alice, "Content-Type": "text/csv"}
    )
    assert (422, pointer) == (answer.status_code, answer.json()["errors"][0]["pointer"])


async def test_a_file_of_another_timeframe_than_said_is_refused(portal: Running, alice: dict[str, str]):
    """The file's own distance counts."""
    answer = await put(portal, alice, csv(0, 5, 10), "&timeframe=1m")
    assert "the candles are of 5m, not 1m" in answer.json()["detail"]


async def test_a_file_that_is_too_large_is_refused_while_it_arrives(tmp_path: Path):
    """413 names the limit; the part that came is gone."""
    async with running_portal(tmp_path / "data", import_max_bytes=1024) as portal:
        alice = await portal.tenant("acme", await portal.log_in())
        answer = await put(portal, alice, HEADER + "x" * 5000)
        assert (413, True) == (answer.status_code, "1024 bytes" in answer.json()["detail"])
        assert [] == list((portal.services.store.folder / "candles" / "incoming").iterdir())


async def test_a_file_that_unfolds_to_too_much_is_refused(tmp_path: Path):
    """A Parquet file of some kilobytes with twenty million rows: the portal lives on."""
    table = pa.table({"ts": pa.array(np.zeros(20_000_000, "i8"))})
    for name in ("open", "high", "low", "close", "volume"):
        table = table.append_column(name, pa.array(np.ones(20_000_000)))
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    assert len(buffer.getvalue()) < 1_000_000
    async with running_portal(tmp_path / "data", import_memory_mib=800) as portal:
        alice = await portal.tenant("acme", await portal.log_in())
        answer = await put(portal, alice, buffer.getvalue(), kind="application/vnd.apache.parquet")
        assert (422, "BadCandles") == (answer.status_code, answer.json()["code"])
        assert "800 MiB" in answer.json()["detail"]
        assert 200 == (await portal.public.get("/readyz")).status_code


async def test_a_full_disk_refuses_imports(tmp_path: Path):
    """507 before anything is written."""
    async with running_portal(tmp_path / "data", min_free_mib=10**9) as portal:
        alice = await portal.tenant("acme", await portal.log_in())
        assert 507 == (await put(portal, alice, csv(0, 1))).status_code


async def test_another_content_type_is_refused(portal: Running, alice: dict[str, str]):
    """415 says what to send."""
    answer = await put(portal, alice, csv(0, 1), kind="application/json")
    assert (415, True) == (answer.status_code, "text/csv" in answer.json()["detail"])


async def test_longer_candles_are_made_of_whole_stretches(portal: Running, alice: dict[str, str]):
    """Minutes 0 to 9 with 6 to 8 missing make two candles of 5m, the second of what is there; a third is missing."""
    await put(portal, alice, csv(0, 1, 2, 3, 4, 5, 9))
    headers = pod(portal)
    got = columns(await read(portal, headers, 0, 10, "5m"))
    assert [0, 5] == ((got[0] - START) // MINUTE).tolist()
    assert [25.0, 10.0] == got[5].view("<f8").tolist()
    answer = await read(portal, headers, 0, 15, "5m")
    assert (404, "DataMissing") == (answer.status_code, answer.json()["code"])
    assert [{"symbol": "BTC/USDT", "fromMs": START + 10 * MINUTE, "toMs": START + 15 * MINUTE}] == answer.json()["missing"]


async def test_imports_that_follow_one_another_are_read_as_one(portal: Running, alice: dict[str, str]):
    """Where they overlap the newer one wins."""
    await put(portal, alice, csv(0, 1, 2, 3, price=100))
    await put(portal, alice, csv(3, 4, 5, price=200))
    got = columns(await read(portal, pod(portal), 1, 6))
    assert [1, 2, 3, 4, 5] == ((got[0] - START) // MINUTE).tolist()
    assert [100.0, 100.0, 200.0, 200.0, 200.0] == got[1].view("<f8").tolist()


async def test_three_months_of_recorded_minutes_arrive_unchanged(portal: Running, alice: dict[str, str], recorded: Path):
    """130,708 minutes of a real exchange, in and out again, to the bit."""
    file = recorded / "ohlcv/binance_spot_BTCUSDT_1m_2025.parquet"
    answer = await put(portal, alice, file.read_bytes(), kind="application/vnd.apache.parquet")
    assert 200 == answer.status_code, answer.text
    found = answer.json()
    headers = pod(portal)
    span = {"exchange": "simulated", "symbol": "BTC/USDT", "timeframe": "1m", "from": found["from"], "to": found["to"]}
    body = await portal.internal.get("/runner/v1/candles", params=span, headers=headers)
    assert found["dataDigest"] == body.headers["Tradewind-Data-Digest"]
    table = parquet.read_table(file)
    got = columns(body)
    assert 130_708 == table.num_rows == got.shape[1]
    assert np.array_equal(table.column("close").to_numpy(), got[4].view("<f8"))

    hours = {**span, "timeframe": "1h", "to": found["to"] // (60 * MINUTE) * 60 * MINUTE}
    merged = await portal.internal.get("/runner/v1/candles", params=hours, headers=headers)
    expected = resample(read_candle_file(file), "1m", "1h").column_bytes()
    assert b"".join(expected) == merged.content
    assert data_digest("simulated", "BTC/USDT", "1h", expected) == merged.headers["Tradewind-Data-Digest"]
    assert [] == list((portal.services.settings.data_dir / "candles/incoming").iterdir())


def imported(name: str, first: int, end: int, step: int = 1, at: int = 0) -> Import:
    return Import(name, step, first, end, at)


def test_a_plan_takes_the_newest_import_where_two_overlap():
    """Old covers 0 to 10, new 4 to 6: old, new, old."""
    plan = plan_range([imported("old", 0, 10), imported("new", 4, 6, at=1)], 1, 0, 10)
    assert Plan(1, (Cut("old", 0, 4), Cut("new", 4, 6), Cut("old", 6, 10)), ()) == plan


def test_a_plan_names_every_hole():
    """Before, between and after."""
    plan = plan_range([imported("a", 2, 4), imported("b", 6, 8)], 1, 0, 10)
    assert ((0, 2), (4, 6), (8, 10)) == plan.missing


def test_a_plan_prefers_the_exact_timeframe_and_falls_back_to_a_shorter_one():
    """5 from 5 if that is whole, else from 1; 2 does not divide 5."""
    exact, fine, odd = imported("exact", 0, 10, 5), imported("fine", 0, 20), imported("odd", 0, 100, 2)
    assert 5 == plan_range([exact, fine, odd], 5, 0, 10).step_ms
    assert (1, ()) == (plan_range([exact, fine, odd], 5, 0, 20).step_ms, plan_range([exact, fine], 5, 0, 20).missing)
    assert ((0, 100),) == plan_range([odd], 5, 0, 100).missing
