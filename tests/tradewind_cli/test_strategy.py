"""`tw strategy` as a person runs it: documents here, the tenant's own at a served portal."""

import asyncio
import json
import os
import sys

import pytest
from portal_double import running_portal

from tradewind_api.document.resolve import template

pytestmark = pytest.mark.slow

BROKEN = """
timeframe: 1h
nodes:
  - {id: fast, op: smaa, in: [close], params: {period: 10}}
  - {id: up, op: above, in: [close, fsat]}
entry: {when: up}
exit: {when: up}
"""


async def tw(*arguments, of="strategy", **environment):
    """Run a command of `tw` and return exit code, output and errors."""
    command = [sys.executable, "-m", "tradewind_cli.main", of, *map(str, arguments)]
    env = os.environ | {"TRADEWIND_CLI_PROFILE": "/nowhere/profile.json"} | environment
    process = await asyncio.create_subprocess_exec(*command, env=env, stdout=-1, stderr=-1)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_every_fault_of_a_file_is_printed(tmp_path):
    """Each on a line of its own with what was meant; exit 64."""
    file = tmp_path / "mine.yaml"
    file.write_text(BROKEN)
    for command in ("validate", "explain", "expand"):
        code, _, err = await tw(command, file)
        assert 64 == code
        assert "fast.op: no operation 'smaa'; did you mean 'sma'?" in err
        assert "up.in.1: nothing is called 'fsat'; did you mean 'fast'?" in err
    code, out, _ = await tw("validate", file, "-o", "json")
    assert (64, ["UnknownOperation", "UnknownReference"]) == (code, [e["code"] for e in json.loads(out)["errors"]])


async def test_a_file_without_end_is_read_no_further_than_a_document_goes():
    """It would fill the memory first."""
    assert (64, "", "tw: the file has more than 65536 characters\n") == await tw("validate", "/dev/zero")


async def test_in_the_cluster_too_no_more_of_a_file_is_read():
    """The backtest's way to its strategy is the same."""
    run = ("--exchange", "simulated", "--symbol", "BTC/USDT", "--from", "2025-01-01", "--to", "2025-02-01")
    code, _, err = await tw("run", "/dev/zero", *run, of="backtest")
    assert (64, True) == (code, "the file has more than 65536 characters" in err)


BOT = "metadata: {name: one}\nspec:\n  runPolicy: Running\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOT + "  runPolicy: Paused\n", "spec.runPolicy: stands in line 3 and again in line 4"),
        ("a: &a [1]\nb: *a\n", "aliases are not allowed"),
        ("spec: {}\n", "wanted is YAML with metadata.name and spec"),
        ("x" * 70_000, "the file has more than 65536 characters"),
    ],
)
async def test_a_file_of_a_bot_is_read_as_carefully(tmp_path, text, message):
    """What is doubtful is not sent; exit 2."""
    file = tmp_path / "bot.yaml"
    file.write_text(text)
    code, _, err = await tw("apply", "-f", file, of="bots")
    assert (2, True) == (code, message in err)


async def test_a_name_of_the_program_is_answered_with_that_of_the_resource(tmp_path):
    """`kubectl apply` knows camelCase only, so a document with another name would be good here and refused there."""
    file = tmp_path / "mine.yaml"
    file.write_text(BROKEN.replace("smaa", "sma").replace("fsat", "fast") + "protect: {stop_loss_percent: 2}\n")
    code, _, err = await tw("validate", file)
    assert (64, True) == (
        code,
        "protect.stop_loss_percent: is not a field of the document; did you mean 'stopLossPercent'" in err,
    )


async def test_a_document_is_said_in_english():
    """By shipped name, too."""
    wanted = "On closed 1h candles: buy 100 % of equity when RSI(14) is below 30; sell when RSI(14) is above 55.\n"
    assert (0, wanted, "") == await tw("explain", "rsi")


@pytest.mark.parametrize("name", ["nowhere.yaml", "rsy"])
async def test_a_file_that_is_not_there_is_a_fault_of_use(name):
    """Exit 2 and the name."""
    code, _, err = await tw("validate", name)
    assert 2 == code
    assert f"cannot read {name}" in err


async def test_without_a_portal_the_shipped_ones_are_listed():
    """A portal that does not answer is told of, not in the way."""
    code, out, err = await tw("ls", TRADEWIND_CLI_URL="http://127.0.0.1:9", TRADEWIND_CLI_TOKEN="x")
    assert (0, True, True) == (code, "sma-crossover" in out, "the tenant's own are not listed" in err)


async def test_a_strategy_of_ones_own(tmp_path):
    """Made from a file, listed, shown, changed and removed."""
    async with running_portal(tmp_path / "data") as portal:
        alice = await portal.tenant("acme", await portal.log_in())
        token = (await portal.token(alice))["Authorization"].removeprefix("Bearer ")
        at = {"TRADEWIND_CLI_URL": str(portal.public.base_url), "TRADEWIND_CLI_TOKEN": token}
        code, out, err = await tw("apply", "-f", "rsi", "--name", "mine", **at)
        assert (0, "") == (code, err)
        assert out.startswith("mine made: On closed 1h candles: buy 100 % of equity when RSI(14) is below 30")
        file = tmp_path / "mine.yaml"
        file.write_text(json.dumps(template("macd").to_json()))
        assert (await tw("apply", "-f", file, **at))[1].startswith("mine changed: ")
        shown = json.loads((await tw("show", "mine", "-o", "json", **at))[1])
        assert template("macd").to_json() == shown["spec"]["document"]
        assert "mine                tenant" in (await tw("ls", **at))[1]
        run = ("run", "mine", "--exchange", "simulated", "--symbol", "BTC/USDT", "--from", "2025-01-01", "--to", "2025-02-01")
        assert 0 == (await tw(*run, "--name", "named", of="backtest", **at))[0]
        named = (await portal.public.get("/api/v1/backtests/named", headers=alice)).json()
        assert {"ref": {"name": "mine"}} == named["spec"]["strategy"]
        code, _, err = await tw("run", "nobody", *run[2:], of="backtest", **at)
        assert (2, True) == (code, "no file and no strategy of the tenant is called nobody" in err)
        assert (0, "mine deleted\n", "") == await tw("rm", "mine", **at)
        code, _, err = await tw("show", "mine", **at)
        assert (1, True) == (code, "there is no strategy mine" in err)
