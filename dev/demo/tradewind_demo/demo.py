"""The demonstration: a tenant, candles, a backtest and a paper bot; made through the portal's API as a trader would."""

import hashlib
import json
import secrets
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewind_cli.client import ApiError, Client, make_token
from tradewind_cli.profile import Profile, load_file_profile, profile_path, save_profile
from tradewind_demo.kube import Kube
from tradewind_demo.steps import DemoError
from tradewind_engine.candle_files import read_candle_file
from tradewind_engine.timeframes import infer_timeframe, timeframe_ms

TENANT, TRADER, BOT, BACKTEST, EXCHANGE = "demo", "trader", "demo-bot", "demo-backtest", "simulated"
# The bot trades candles of a minute, so that there is something to see soon. The back-test reads them as hours, which is the
# timeframe of the shipped document: traded each minute, a strategy shows a newcomer its fees and nothing else.
PARAMETERS = {"fast.period": 5, "slow.period": 20}
BACKTEST_TIMEFRAME, LEAST_CANDLES = "1h", 200
HISTORY_CANDLES = 90_000  # read as hours they hold some forty trades; a verdict on fewer than 30 is that they are too few
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Market:
    """What is traded: the user's candles, or the simulator's own market (`data` None)."""

    symbol: str
    data: Path | None
    timeframe: str

    @property
    def told(self) -> str:
        """What it is called on the screen."""
        return f"candles of {self.data.name}" if self.data else "simulated market"

    @property
    def key(self) -> str:
        """What tells it from another market: symbol, and the file's content."""
        content = hashlib.sha256(self.data.read_bytes()).hexdigest()[:12] if self.data else "simulated"
        return f"{self.symbol} {content}"


def trader_login(url: str, admin: str, kept: Path, say: Callable[[str], None]) -> tuple[Client, str]:
    """Make the demo tenant if it is not there; return the trader's client and password, which `kept` remembers."""
    known: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    if "password" in known:
        try:
            token, _ = make_token(url, TRADER, known["password"], "make up")
            return _client(url, token), known["password"]
        except ApiError as exc:
            if exc.status != 401:
                raise DemoError(f"logging in as {TRADER} failed: {exc}") from exc
    password = secrets.token_urlsafe(15)
    try:
        token, _ = make_token(url, "admin", admin, "make up", scopes=["read", "trade", "admin"])
        owner = {"user": TRADER, "password": password}
        Client(Profile(url, token)).call("POST", "/admin/tenants", {"name": TENANT, "plan": "pro", "owner": owner})
    except ApiError as exc:
        raise DemoError(f"making the tenant {TENANT} failed: {exc}") from exc
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.touch(0o600)
    kept.write_text(json.dumps({"user": TRADER, "password": password, "market": known.get("market")}))
    say(f"tenant {TENANT} made")
    token, _ = make_token(url, TRADER, password, "make up")
    return _client(url, token), password


def set_market(kube: Kube, client: Client, market: Market, kept: Path, say: Callable[[str], None]) -> None:
    """Have the simulated exchange trade this market. Bot and backtest of another one are taken away: they are not of this."""
    known: dict[str, str] = json.loads(kept.read_text())
    recorded = [s["symbol"] for s in _simulator(kube, "GET", "/v1/status")["symbols"] if s["market"] == "recorded"]
    same = known.get("market") == market.key
    if same and (market.data is None or market.symbol in recorded):
        return
    for path in (f"/bots/{BOT}", f"/backtests/{BACKTEST}"):
        if _delete(client, path):
            say(f"{path.rpartition('/')[2]} is made anew: the last one was on another market")
    for symbol in recorded:
        _simulator(kube, "DELETE", f"/v1/candles?{urllib.parse.urlencode({'symbol': symbol})}")
    if market.data is not None:
        query = urllib.parse.urlencode({"symbol": market.symbol, "start": "data"})
        _simulator(kube, "PUT", f"/v1/candles?{query}", market.data.read_bytes())
        say(f"the simulated exchange replays {market.data.name}")
    kept.write_text(json.dumps(known | {"market": market.key}))


def feed(kube: Kube, client: Client, market: Market, say: Callable[[str], None]) -> tuple[int, int]:
    """Bring candles to the portal; return the stretch that a backtest can use."""
    content = market.data.read_bytes() if market.data is not None else _history(kube, market)
    stored = client.call("PUT", "/candles", query={"exchange": EXCHANGE, "symbol": market.symbol}, raw=content)
    say(f"{stored['candles']} candles of {market.symbol} {stored['timeframe']} imported, {stored['gapCount']} gaps")
    return int(stored["from"]), int(stored["to"])


def backtest_timeframe(own: str, stretch: tuple[int, int]) -> str:
    """Return the timeframe of the demo's backtest: hours, or that of the candles where they are too long or too few for it."""
    long = timeframe_ms(BACKTEST_TIMEFRAME)
    enough = stretch[1] - stretch[0] >= LEAST_CANDLES * long
    return BACKTEST_TIMEFRAME if enough and long % timeframe_ms(own) == 0 else own


def run_backtest(client: Client, market: Market, stretch: tuple[int, int], timeframe: str) -> dict[str, Any]:
    """Make the demo's backtest if it is not there, wait for it, return its report."""
    length = timeframe_ms(timeframe)
    first, end = -(-stretch[0] // length) * length, stretch[1] // length * length
    spec = {
        "strategy": {"template": "sma-crossover"},
        "parameters": PARAMETERS,
        "dataset": {
            "exchange": EXCHANGE,
            "symbols": [market.symbol],
            "timeframe": timeframe,
            "from": _moment(first),
            "to": _moment(end),
        },
        "capital": {"currency": market.symbol.split("/")[1], "amount": "10000"},
    }
    _make(client, "/backtests", BACKTEST, spec)
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        backtest = client.call("GET", f"/backtests/{BACKTEST}")
        summary = backtest["status"].get("summary")
        if summary == "Succeeded":
            report: dict[str, Any] = client.call("GET", f"/backtests/{BACKTEST}/report")
            return report
        if summary == "Failed":
            raise DemoError(f"the backtest failed: {_why(backtest)}")
        time.sleep(0.5)
    raise DemoError(f"the backtest has no result after 180 s: kubectl describe bt -A ({_why(backtest)})")


def run_bot(client: Client, market: Market) -> dict[str, Any]:
    """Make the demo's paper bot if it is not there, wait until it has traded, return it with its last moments."""
    spec = {
        "strategy": {"template": "sma-crossover"},
        "parameters": PARAMETERS,
        "exchange": EXCHANGE,
        "symbols": [market.symbol],
        "timeframe": market.timeframe,
        "capital": {"currency": market.symbol.split("/")[1], "amount": "10000"},
    }
    _make(client, "/bots", BOT, spec)
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        bot: dict[str, Any] = client.call("GET", f"/bots/{BOT}")
        fills = client.call("GET", f"/bots/{BOT}/fills", query={"limit": "5"})["items"]
        if fills:
            decisions = client.call("GET", f"/bots/{BOT}/decisions", query={"limit": "5"})["items"]
            return bot | {"fills": fills, "decisions": decisions}
        time.sleep(0.5)
    raise DemoError(f"the bot has not traded after 300 s: kubectl describe tb -A ({_why(bot)})")


def inspect(data: str, symbol: str) -> Market:
    """Return the market of the user's file, or the simulated one. Raises CandleError for a file that is none."""
    if not data:
        return Market(symbol or "BTC/USDT", None, "1m")
    if not symbol:
        raise DemoError("DATA= needs SYMBOL=, such as SYMBOL=BTC/USDT")
    path = Path(data).absolute()
    return Market(symbol, path, infer_timeframe(read_candle_file(path).ts))


def _client(url: str, token: str) -> Client:
    profile = Profile(url, token)
    if not profile_path().exists() or load_file_profile().url == url:  # a login to another portal is the person's own
        save_profile(profile)
    return Client(profile)


def _make(client: Client, path: str, name: str, spec: dict[str, Any]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            client.call("POST", path, {"metadata": {"name": name}, "spec": spec})
        except ApiError as exc:
            if exc.status == 409 and exc.code in {"AlreadyExists", "Exists", "Conflict"}:
                return
            if exc.status in {409, 503} and time.monotonic() < deadline:
                time.sleep(1)  # the tenant's namespace is being made
                continue
            raise DemoError(f"making {name} failed: {exc}") from exc
        else:
            return


def _delete(client: Client, path: str) -> bool:
    """Delete a resource and wait until it is gone; return whether it was there."""
    if not _is_there(client, path):
        return False
    client.call("DELETE", path)
    deadline = time.monotonic() + 120
    while _is_there(client, path):
        if time.monotonic() > deadline:
            raise DemoError(f"{path} is not gone after 120 s: kubectl describe tradewind -A")
        time.sleep(0.5)
    return True


def _is_there(client: Client, path: str) -> bool:
    try:
        client.call("GET", path)
    except ApiError as exc:
        if exc.status == 404:
            return False
        raise
    return True


def _history(kube: Kube, market: Market) -> bytes:
    """Return the simulated market's last candles as CSV, up to the last closed one."""
    lines = ["ts,open,high,low,close,volume"]
    with kube.forward("tradewind-simulator", 9000) as url:
        now = _get(f"{url}/api/v3/time")["serverTime"] // 60_000 * 60_000
        start = now - HISTORY_CANDLES * 60_000
        while start < now:
            query = {
                "symbol": market.symbol.replace("/", ""),
                "interval": "1m",
                "startTime": start,
                "endTime": now - 1,
                "limit": 1000,
            }
            page = _get(f"{url}/api/v3/klines?{urllib.parse.urlencode(query)}")
            lines += [",".join(map(str, row[:6])) for row in page]
            if not page:
                break
            start = page[-1][0] + 60_000
    return ("\n".join(lines) + "\n").encode()


def _simulator(kube: Kube, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
    with kube.forward("tradewind-simulator", 9001) as url:
        request = urllib.request.Request(url + path, body, {"Content-Type": "application/octet-stream"}, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - our own forward
            found: dict[str, Any] = json.loads(answer.read())
            return found


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own forward
        return json.loads(answer.read())


def _moment(ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000))


def _why(resource: dict[str, Any]) -> str:
    found = [c["message"] for c in resource["status"].get("conditions", []) if c["status"] != "True" and c.get("message")]
    return "; ".join(found) or str(resource["status"].get("summary", "no status yet"))
