"""`tw backtest show` and `compare` on reports that a served portal keeps."""

import asyncio
import json
import os
import sys

import pytest
import pytest_asyncio
from markets import market
from portal_double import running_portal

from tradewind_api.document.resolve import template, with_parameters
from tradewind_engine.backtest.engine import run_backtest
from tradewind_engine.honesty.verdict import judge
from tradewind_portal.cluster.port import Kind

pytestmark = pytest.mark.slow
NAMESPACE = "tw-acme-test"
DATASET = {"exchange": "simulated", "symbols": ["A/B"], "from": "2025-01-01", "to": "2025-01-02"}


def report(**parameters):
    document = with_parameters(template("sma-crossover"), {name.replace("_", "."): value for name, value in parameters.items()})
    found = run_backtest(document, {"A/B": market(3, count=1000)}, timeframe="1h", exchange="simulated")
    return found.to_json() | judge(found).to_json()


async def finish(portal, name, body):
    """A Backtest that has succeeded, its report uploaded by its pod."""
    spec = {"strategy": {"template": "sma-crossover"}, "dataset": DATASET}
    item = portal.cluster.put(
        Kind.BACKTEST, {"metadata": {"name": name}, "spec": spec, "status": {"summary": "Succeeded"}}, NAMESPACE
    )
    labels = {"tenant": "acme", "backtest": name, "backtest-uid": item["metadata"]["uid"]}
    headers = portal.cluster.run_pod(NAMESPACE, f"{name}-1", {f"tradewind.dev/{key}": value for key, value in labels.items()})
    upload = {"reportDigest": body["reportDigest"], "report": body}
    answer = await portal.internal.post("/runner/v1/results", json=upload, headers=headers)
    assert 200 == answer.status_code, answer.text


@pytest_asyncio.fixture
async def tw(tmp_path):
    """The command line of acme's owner, with two finished back-tests."""
    async with running_portal(tmp_path / "data") as portal:
        header = await portal.token(await portal.tenant("acme", await portal.log_in()))
        for name, period in {"quick": 5, "slow": 20}.items():
            await finish(portal, name, report(fast_period=period))
        old = {key: value for key, value in report().items() if key != "drawdownCurve"}
        await finish(portal, "old", old)
        environment = os.environ | {
            "TRADEWIND_CLI_URL": str(portal.public.base_url),
            "TRADEWIND_CLI_TOKEN": header["Authorization"].removeprefix("Bearer "),
        }

        async def call(*arguments):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tradewind_cli.main", *map(str, arguments)),
                env=environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await process.communicate()
            return process.returncode, out.decode(), err.decode()

        yield call


async def test_a_report_of_the_cluster_is_a_page_too(tw, tmp_path):
    """Without candles, and it says so; the curves and the trades are there. One of an older version is refused."""
    code, _, err = await tw("backtest", "show", "quick", "--html", tmp_path / "x.html")
    assert 0 == code, err
    text = (tmp_path / "x.html").read_text()
    assert "This report came without its candles" in text
    assert report(fast_period=5)["reportDigest"] in text
    code, _, err = await tw("backtest", "show", "old", "--html", tmp_path / "y.html")
    assert (1, True) == (code, "this report has no drawdownCurve: it was made by an older version" in err)
    assert not (tmp_path / "y.html").exists()


async def test_reports_of_the_cluster_are_compared_by_name(tw, tmp_path):
    """With each other, and with a file; one that is not there is named."""
    code, out, err = await tw("backtest", "compare", "quick", "slow", "-o", "json")
    assert 0 == code, err
    assert {"fast.period": [5, 20]} == json.loads(out)["parameters"]
    (tmp_path / "quick.json").write_text(json.dumps(report(fast_period=5)))
    _, out, _ = await tw("backtest", "compare", tmp_path / "quick.json", "quick", "-o", "json")
    assert (True, []) == (json.loads(out)["same"], json.loads(out)["warnings"])
    code, out, err = await tw("backtest", "compare", "quick", "gone")
    assert (1, "", True) == (code, out, "there is no file gone, and as a Backtest in the cluster" in err)
