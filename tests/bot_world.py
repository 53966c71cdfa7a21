"""A bot's process with what is around it: the real simulated exchange, and a stand-in portal that can be made to fail.

The real portal needs an API server; tests/node runs both together. The stand-in keeps the portal's promises (epochs, order,
duplicates, folding by the same function) and breaks them on demand.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiohttp import web
from free_ports import free_port

from tradewind_api.document.digest import strategy_digest
from tradewind_api.document.resolve import template, with_parameters
from tradewind_api.fold import fold
from tradewind_api.ledger import LedgerEvent

UID = "bot-uid-1"
SPEED = 600.0  # ten candles of a minute each second


class Portal:
    """The stand-in. `fault(path)` may return `500`, `lost` (done, but the answer never comes) or nothing."""

    def __init__(self) -> None:
        self.events: list[LedgerEvent] = []
        self.epoch = 0
        self.kill: list[str] = []
        self.close_now, self.close_number, self.lease_seconds = False, 0, 900
        self.credential: dict[str, Any] | None = None
        self.leases: list[dict[str, Any]] = []
        self.fault: Callable[[str], str] = lambda _: ""
        self.blocks: list[bytes] = []
        self.reports: list[dict[str, Any]] = []
        self.candles: Callable[[dict[str, str]], web.Response] = lambda _: web.Response(status=404)
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()
        assert self._started.wait(10)

    def of_type(self, name: str) -> list[LedgerEvent]:
        return [item for item in list(self.events) if item.type == name]

    def forget(self) -> None:
        """Be as a portal whose store is gone."""
        self.events, self.epoch = [], 0

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _serve(self) -> None:
        app = web.Application(client_max_size=50_000_000)
        for path in ("start", "events", "lease", "progress", "results"):
            app.router.add_post(f"/runner/v1/{path}", self._handler(path))
        app.router.add_get("/runner/v1/candles", self._candles)
        app.router.add_get("/runner/v1/shards/{shard}", self._blocks)
        app.router.add_post("/runner/v1/shards/{shard}", self._keep)
        runner = web.AppRunner(app)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.TCPSite(runner, "127.0.0.1", self.port).start())
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def _handler(self, path: str):
        async def handle(request: web.Request) -> web.Response:
            assert request.headers["Authorization"] == "Bearer pod-token"
            body = await request.json()
            fault = self.fault(path)
            if fault == "500":
                return web.Response(status=500, text="no")
            answer = getattr(self, f"_{path}")(body)
            if fault == "lost":
                request.transport.close()
            return answer

        return handle

    async def _candles(self, request: web.Request) -> web.Response:
        return self.candles(dict(request.query))

    async def _blocks(self, _: web.Request) -> web.Response:
        return web.Response(body=b"".join(self.blocks))

    async def _keep(self, request: web.Request) -> web.Response:
        self.blocks.append(await request.read())
        return web.Response(status=204)

    def _start(self, _: dict[str, Any]) -> web.Response:
        self.epoch += 1
        state = fold(sorted(self.events, key=lambda item: (item.epoch, item.seq)))
        return web.json_response(
            {
                "epoch": self.epoch,
                "leaseSeconds": self.lease_seconds,
                "state": json.loads(state.model_dump_json(by_alias=True)),
                "kill": self.kill,
                "credential": self.credential,
            }
        )

    def _events(self, body: dict[str, Any]) -> web.Response:
        epoch = body["epoch"]
        if epoch > self.epoch:
            return web.json_response({"code": "EpochUnknown", "detail": "start again"}, status=409)
        if epoch < self.epoch:
            return web.json_response({"code": "Fenced", "detail": f"epoch {self.epoch} is in force"}, status=409)
        known = max((item.seq for item in self.events if item.epoch == epoch), default=0)
        for raw in body["events"]:
            item = LedgerEvent.model_validate(raw)
            if item.seq <= known:
                continue
            if item.seq != known + 1:
                return web.json_response({"code": "SequenceGap", "expectedSeq": known + 1}, status=409)
            self.events.append(item)
            known = item.seq
        return web.json_response({"acknowledgedSeq": known, "leaseSeconds": self.lease_seconds, "kill": self.kill})

    def _lease(self, body: dict[str, Any]) -> web.Response:
        if body["epoch"] < self.epoch:
            return web.json_response({"code": "Fenced", "detail": "another pod"}, status=409)
        self.leases.append(body)
        close_now = self.close_now and body.get("closedNumber", 0) < self.close_number
        answer = {"leaseSeconds": self.lease_seconds, "kill": self.kill}
        return web.json_response(answer | {"closeNow": close_now, "closeNumber": self.close_number})

    def _progress(self, _: dict[str, Any]) -> web.Response:
        return web.json_response({})

    def _results(self, body: dict[str, Any]) -> web.Response:
        self.reports.append(body)
        return web.json_response({"id": "r1", "sha256": "0" * 64}, status=201)


class World:
    """Portal, exchange, and one bot after another on the same configuration file."""

    bot_command: tuple[str, ...] = (sys.executable, "-m", "tradewind_runner.bot")

    def __init__(self, folder: Path, *, speed: float = SPEED, simulator_options: tuple[str, ...] = ()) -> None:
        self.folder, self.portal = folder, Portal()
        self.speed, self.simulator_options = speed, simulator_options
        self.portal_port = self.portal.port
        self.rest, self.control, self.metrics = free_port(), free_port(), free_port()
        self._simulator: subprocess.Popen[bytes] | None = None
        self.processes: list[subprocess.Popen[bytes]] = []
        (folder / "token").write_text("pod-token\n")
        self.start_simulator()
        self.configure()

    def start_simulator(self) -> None:
        command = [sys.executable, "-m", "tradewind_simulator", "--port", str(self.rest), "--control-port", str(self.control)]
        command += ["--speed", str(self.speed), "--state-dir", str(self.folder / "simulator"), *self.simulator_options]
        self._simulator = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: answers(f"http://127.0.0.1:{self.control}/readyz"))

    @property
    def simulator_pid(self) -> int:
        assert self._simulator is not None
        return self._simulator.pid

    def stop_simulator(self) -> None:
        self._simulator.kill()
        self._simulator.wait()

    def configure(self, *, symbol: str = "BTC/USDT", parameters: dict[str, float] | None = None, **changes: Any) -> None:
        """Write bot.json as the operator does: a new file behind a swapped link."""
        document = with_parameters(template("sma-crossover"), parameters or {"fast.period": 2, "slow.period": 5})
        config = {
            "bot": {"uid": UID, "name": "b", "namespace": "n", "tenant": "t", "plan": "pro", "generation": 1},
            "mode": "Paper",
            "paperFill": "Candle",
            "exchange": {
                "name": "simulated",
                "ccxtId": "binance",
                "endpoint": {"rest": f"http://127.0.0.1:{self.rest}"},
                "clockSpeed": self.speed,
            },
            "symbols": [symbol],
            "timeframe": "1m",
            "strategy": document.to_json(),
            "strategyDigest": strategy_digest(document),
            "capital": {"currency": "USDT", "amount": "10000"},
        } | changes
        fresh = self.folder / f"bot-{time.monotonic_ns()}.json"
        fresh.write_text(json.dumps(config))
        link = self.folder / "new-link"
        link.symlink_to(fresh)
        link.replace(self.folder / "bot.json")

    def start_bot(self, *, state: int | None = None) -> subprocess.Popen[bytes]:
        """Start a pod, or a container again on the disk of pod number `state`."""
        number = len(self.processes)
        env = os.environ | {
            "TRADEWIND_RUNNER_PORTAL_URL": f"http://127.0.0.1:{self.portal_port}",
            "TRADEWIND_RUNNER_CONFIG": str(self.folder / "bot.json"),
            "TRADEWIND_RUNNER_TOKEN_FILE": str(self.folder / "token"),
            "TRADEWIND_RUNNER_STATE_DIR": str(self.folder / f"state-{number if state is None else state}"),
            "TRADEWIND_RUNNER_METRICS_PORT": str(self.metrics if number == 0 else free_port()),
            "TRADEWIND_RUNNER_TERMINATION_LOG": str(self.folder / f"words-{number}"),
        }
        with (self.folder / f"bot-{number}.log").open("wb") as output:
            process = subprocess.Popen(self.bot_command, env=env, stdout=output, stderr=output)
        self.processes.append(process)
        return process

    def words(self, number: int) -> dict[str, Any]:
        return json.loads((self.folder / f"words-{number}").read_text())

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.stop_simulator()
        self.portal.stop()


def answers(url: str) -> str:
    """Return what a URL says with 200, nothing otherwise."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def wait_for(look: Callable[[], Any], seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found
