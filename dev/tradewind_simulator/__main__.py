"""`python -m tradewind_simulator`: the process."""

import asyncio
import gc
import logging
import signal
import sys
import time

from aiohttp import web
from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from tradewind_engine.candles import CandleError
from tradewind_simulator import control
from tradewind_simulator.calls import Calls
from tradewind_simulator.clock import VirtualClock
from tradewind_simulator.control_trading import add_trading
from tradewind_simulator.desk import Desk
from tradewind_simulator.exchange import SimulatedExchange
from tradewind_simulator.faults import FaultPlane
from tradewind_simulator.gateway import Gateway
from tradewind_simulator.journal import Journal
from tradewind_simulator.limits import Limits
from tradewind_simulator.market.files import Found, read_markets
from tradewind_simulator.market.recorded import RecordedMarket
from tradewind_simulator.market_calls import MarketCalls
from tradewind_simulator.rest import Rest
from tradewind_simulator.rest_account import add_account
from tradewind_simulator.settings import SimulatorSettings
from tradewind_simulator.streams.hub import Hub
from tradewind_simulator.streams.pump import Pump
from tradewind_simulator.streams.server import MOST_LINE, StreamServer
from tradewind_simulator.streams.shaping import Shaper
from tradewind_simulator.symbols import read_exchange_info
from tradewind_simulator.wsapi.server import WsApi
from tradewind_simulator.wsapi.session import Sessions

FILL_SECONDS = 0.05
log = logging.getLogger("tradewind.simulator")


def build(settings: SimulatorSettings) -> SimulatedExchange:
    """Return the exchange that the settings describe. Raises CandleError, ValueError."""
    epoch = settings.epoch_ms or time.time() * 1000
    exchange = SimulatedExchange(VirtualClock(epoch, settings.start_ms or epoch, settings.speed))
    if settings.exchange_info is not None:
        for symbol in read_exchange_info(settings.exchange_info):
            exchange.list_symbol(symbol, settings.seed, settings.volatility)
    for name in settings.symbols:
        if name.replace("/", "") not in exchange.listings:
            exchange.list_seeded(name, settings.seed, settings.volatility)
    starts = [list_found(exchange, found, settings.symbol) for found in read_markets(settings.data)]
    if starts:
        exchange.clock = VirtualClock(epoch, settings.start_ms or max(starts), settings.speed)
    control.restore(exchange, settings.state_dir)
    exchange.limiter.limits = Limits(settings.weight_limit, settings.order_limit_10s, settings.order_limit_day)
    for name, wanted in settings.accounts.items():
        exchange.accounts.put(name, wanted)
    return exchange


def list_found(exchange: SimulatedExchange, found: Found, symbol: str) -> int:
    """List a market that was found in a file, under `symbol` where the file names none; return where its time may begin."""
    name = found.symbol or symbol
    if isinstance(found.market, RecordedMarket):
        exchange.list_recorded_market(name, found.market)
    else:
        exchange.list_tape(name, found.market)
    return found.market.default_start_ms()


async def run(settings: SimulatorSettings) -> int:
    """Serve until told to stop."""
    try:
        exchange = build(settings)
    except (CandleError, ValueError, OSError) as exc:
        log.error("%s", exc)  # noqa: TRY400 - the message says it all
        return 2
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    desk, faults, runners = Desk(exchange), FaultPlane(exchange), []
    gateway, calls, shaper = Gateway(exchange, desk, faults, Journal()), Calls(desk), Shaper(faults)
    hub, sessions = Hub(shaper), Sessions(shaper, exchange.events)
    pump = Pump(exchange, hub, life_ms=settings.socket_life_hours * 3_600_000)
    market = MarketCalls(exchange, pump).by_path()
    spot = Rest(gateway).application(market)
    add_account(spot, gateway, calls)
    StreamServer(exchange, hub).add_to(spot)
    WsApi(gateway, calls, market, hub, sessions).add_to(spot)
    own = control.application(exchange, settings.state_dir)
    add_trading(own, gateway, calls)
    for app, port in ((spot, settings.port), (own, settings.control_port)):
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1, max_line_size=MOST_LINE)
        await runner.setup()
        runners.append(runner)
        try:
            await web.TCPSite(runner, settings.host, port).start()
        except OSError as exc:
            log.error("cannot listen on %s:%s: %s", settings.host, port, exc.strerror)  # noqa: TRY400 - as above
            return 2
        log.info("listening on %s", runner.addresses)
    tasks = [asyncio.create_task(work) for work in (_announce_breaks(exchange, stop), pump.run(), _fill(desk))]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for runner in runners:
        await runner.cleanup()
    for task in others:
        task.cancel()
    for task in done:
        task.result()  # a fault in one of them ends the process
    return 0


async def _announce_breaks(exchange: SimulatedExchange, stop: asyncio.Event) -> None:
    """Say it once when a recording ends."""
    told: set[str] = set()
    while not stop.is_set():
        for name, listing in exchange.listings.items():
            if name not in told and not exchange.trading(listing):
                told.add(name)
                log.warning("%s: the recording has ended, the market is on BREAK", listing.symbol.name)
        try:
            await asyncio.wait_for(stop.wait(), 1)
        except TimeoutError:
            continue


async def _fill(desk: Desk) -> None:
    """Move the markets that orders wait in, so that fills are told when they happen and not when somebody asks."""
    while True:
        desk.advance_all()
        await asyncio.sleep(FILL_SECONDS)


def main() -> int:
    """Read settings and run."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # orders and journal live long: to look through them costs 10 us an order
    try:
        settings = CliApp.run(SimulatorSettings)
    except (SettingsError, ValidationError) as exc:
        log.error("%s", exc)  # noqa: TRY400 - the message says it all, and no secret
        return 2
    return asyncio.run(run(settings))


if __name__ == "__main__":
    sys.exit(main())
