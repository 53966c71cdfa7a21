"""The simulator's own interface, on a port of its own: status, candles, clock, probes. Not part of the dialect."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from tradewind_engine.candle_files import MAX_FILE_BYTES, parse_candles
from tradewind_engine.candles import CandleError
from tradewind_simulator.clock import wall_ms
from tradewind_simulator.exchange import SimulatedExchange

log = logging.getLogger("tradewind.simulator")
REGISTRY = CollectorRegistry()
VIRTUAL = Gauge("tradewind_simulator_virtual_timestamp_seconds", "Virtual time.", registry=REGISTRY)
SYMBOLS = Gauge("tradewind_simulator_symbols", "Symbols by status.", ["status"], registry=REGISTRY)


def application(exchange: SimulatedExchange, state_dir: Path) -> web.Application:
    """Return the control application; candles that are put are kept in `state_dir` for the next start."""
    app = web.Application(client_max_size=MAX_FILE_BYTES)
    _add_candles(app, exchange, state_dir)
    _add_clock(app, exchange)
    _add_probes(app, exchange)
    return app


def _add_candles(app: web.Application, exchange: SimulatedExchange, state_dir: Path) -> None:

    async def status(_: web.Request) -> web.Response:
        return _json(exchange.status())

    async def put_candles(request: web.Request) -> web.Response:
        symbol = request.query.get("symbol", "")
        try:
            content = await request.read()
            market = exchange.list_recorded(symbol, parse_candles(content))
        except web.HTTPRequestEntityTooLarge:
            return _problem(413, "TooLarge", f"at most {MAX_FILE_BYTES} bytes are taken: split the file by time")
        except (CandleError, ValueError) as exc:
            return _problem(422, "InvalidCandles", str(exc))
        await asyncio.to_thread(_keep, state_dir, f"{quote(symbol, safe='')}.candles", content)
        if request.query.get("start") == "data":
            start = market.default_start_ms()
            exchange.clock = replace(exchange.clock, epoch_ms=wall_ms(), start_ms=float(start))
            kept = orjson.dumps({"epochMs": exchange.clock.epoch_ms, "startMs": start})
            await asyncio.to_thread(_keep, state_dir, "clock.json", kept)
        return _json(exchange.status())

    async def delete_candles(request: web.Request) -> web.Response:
        symbol = request.query.get("symbol", "")
        if not exchange.take_away(symbol):
            return _problem(404, "NotFound", f"no candles of {symbol!r} were put")
        (state_dir / f"{quote(symbol, safe='')}.candles").unlink(missing_ok=True)
        if exchange.clock.epoch_ms == exchange.first_clock.epoch_ms:
            (state_dir / "clock.json").unlink(missing_ok=True)
        return _json(exchange.status())

    app.router.add_get("/v1/status", status)
    app.router.add_put("/v1/candles", put_candles)
    app.router.add_delete("/v1/candles", delete_candles)


def _add_clock(app: web.Application, exchange: SimulatedExchange) -> None:
    async def put_clock(request: web.Request) -> web.Response:
        try:
            wanted = orjson.loads(await request.read())
            speed, start = float(wanted.get("speed", exchange.clock.speed)), wanted.get("startMs")
        except (ValueError, TypeError, AttributeError):
            return _problem(422, "InvalidClock", 'wanted is {"speed": 60, "startMs": 1747699200000}, both optional')
        if not 0 < speed <= 100_000:
            return _problem(422, "InvalidClock", "speed must be more than 0 and at most 100000")
        now = exchange.clock.now_ms() if start is None else int(start)
        exchange.clock = replace(exchange.clock, epoch_ms=wall_ms(), start_ms=float(now), speed=speed)
        return _json(exchange.status())

    app.router.add_put("/v1/clock", put_clock)


def _add_probes(app: web.Application, exchange: SimulatedExchange) -> None:
    async def metrics(_: web.Request) -> web.Response:
        VIRTUAL.set(exchange.clock.now_ms() / 1000)
        trading = sum(exchange.trading(listing) for listing in exchange.listings.values())
        SYMBOLS.labels("TRADING").set(trading)
        SYMBOLS.labels("BREAK").set(len(exchange.listings) - trading)
        return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def ok(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    app.router.add_get("/metrics", metrics)
    app.router.add_get("/livez", ok)
    app.router.add_get("/readyz", ok)


def restore(exchange: SimulatedExchange, state_dir: Path) -> None:
    """List again what was put before the last end of the process."""
    for file in sorted(state_dir.glob("*.candles")):
        try:
            exchange.list_recorded(unquote(file.stem), parse_candles(file.read_bytes()))
        except (CandleError, ValueError) as exc:
            log.error("%s is not used: %s", file.name, exc)  # noqa: TRY400 - the message says it all
    clock = state_dir / "clock.json"
    if clock.exists():
        kept = orjson.loads(clock.read_bytes())
        exchange.clock = replace(exchange.clock, epoch_ms=kept["epochMs"], start_ms=float(kept["startMs"]))


def _keep(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    half_done = folder / f"{name}.half"
    half_done.write_bytes(content)
    half_done.replace(folder / name)


def _json(value: object) -> web.Response:
    return web.Response(body=orjson.dumps(value), content_type="application/json")


def _problem(status: int, code: str, detail: str) -> web.Response:
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail}
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/problem+json")
