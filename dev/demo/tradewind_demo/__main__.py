"""`python -m tradewind_demo up|down`: what `make up` and `make down` run.

Settings by environment, as make hands them on: CLUSTER, CONTEXT, REGISTRY, DATA, SYMBOL, PORT, KEEP.
"""

import os
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tradewind_cli.profile import load_file_profile, profile_path
from tradewind_cluster import binaries, cluster
from tradewind_cluster.layout import DEFAULT_NAME, ClusterError, layout, state_home
from tradewind_demo import demo, images, release
from tradewind_demo.kube import Kube
from tradewind_demo.steps import DemoError, say, step
from tradewind_engine.candles import CandleError
from tradewind_engine.timeframes import timeframe_ms

PORT = int(os.environ.get("PORT") or 8000)
CONTEXT, REGISTRY = os.environ.get("CONTEXT", ""), os.environ.get("REGISTRY", "")
NAME = os.environ.get("CLUSTER") or DEFAULT_NAME


def up() -> None:
    """Bring everything up and show that it works."""
    market = demo.inspect(os.environ.get("DATA", ""), os.environ.get("SYMBOL", ""))
    speed = timeframe_ms(market.timeframe) / 1000  # one candle a second
    if CONTEXT:
        say(f"using the cluster of context {CONTEXT}, because CONTEXT is set")
        binaries.build("helm", say)
        kube = Kube(context=CONTEXT)
    else:
        say(f"bringing up the local cluster {NAME!r}, because CONTEXT is not set")
        kube = _local_cluster()
    release.define(kube)
    with step("images"):
        tags = images.build_all(say, REGISTRY or "localhost")
        if REGISTRY:
            images.push_all(tags, REGISTRY, say)
        elif not CONTEXT:
            images.load_all(layout(NAME, node=True), tags, say)
    with step("chart"):
        release.install(kube, tags, registry=REGISTRY or "localhost", local=not CONTEXT, speed=speed)
        release.wait_ready(kube, say)
    if CONTEXT:
        with kube.forward("tradewind-portal", 8000) as url:
            _show(kube, url, market)
    else:
        _show(kube, f"http://127.0.0.1:{PORT}", market)


def down() -> None:
    """Take everything away; KEEP=1 keeps the local cluster's state."""
    if CONTEXT:
        with step(f"uninstalling from context {CONTEXT}"):
            release.remove(Kube(context=CONTEXT))
        return
    keep = bool(os.environ.get("KEEP"))
    where = layout(NAME, node=True)
    if not where.state.exists():
        say(f"there is no cluster {NAME!r}")
        return
    with step(f"taking down the cluster {NAME!r}"):
        cluster.down(where, keep=keep)
    if not keep:
        _kept().unlink(missing_ok=True)
        if load_file_profile().url == f"http://127.0.0.1:{PORT}":
            profile_path().unlink(missing_ok=True)
    say(
        "its data is kept for the next `make up`"
        if keep
        else "the demo's data is deleted; built binaries and images stay in the cache"
    )


def _local_cluster() -> Kube:
    with step("Kubernetes"):
        where = layout(NAME, node=True)
        cluster.up(where, say, forward={PORT: release.NODE_PORT})  # refuses early what cannot work, then builds
        binaries.build("helm", say)
    return Kube(kubeconfig=str(where.kubeconfig))


def _show(kube: Kube, url: str, market: demo.Market) -> None:
    with step("portal"):
        _wait_answer(f"{url}/readyz")
        client, password = demo.trader_login(url, release.admin_password(kube), _kept(), say)
    with step("tenant (in a new cluster its quota counts after most of a minute)"):
        release.wait_tenant(kube, demo.TENANT)
    with step(f"candles ({market.told})"):
        demo.set_market(kube, client, market, _kept(), say)
        stretch = demo.feed(kube, client, market, say)
    with step("backtest"):
        report = demo.run_backtest(client, market, stretch)
    with step("paper bot (waits for its first trade, in the exchange's order book)"):
        bot = demo.run_bot(client, market)
    _print(kube, url, market, report, bot, password)


def _print(kube: Kube, url: str, market: demo.Market, report: dict[str, Any], bot: dict[str, Any], password: str) -> None:
    lines = [
        "",
        f"Backtest {demo.BACKTEST} (SMA crossover, {market.symbol} {market.timeframe}, {market.told}):",
        f"  return {report['totalReturn'] * 100:.2f} %, drawdown {report['maxDrawdown'] * 100:.2f} %",
        f"  Sharpe {report['sharpe']:.2f}, win rate {report['winRate'] * 100:.1f} %",
        f"  {report['trades']} trades on {report['candles']} candles, fees {report['feesPaid']:.2f}",
        f"Paper bot {demo.BOT}: equity {float(bot['ledger']['equity']):.2f} {bot['ledger']['currency']}",
        "  last decisions: " + ", ".join(f"{_clock(d['atMs'])} {d['action']}" for d in bot["decisions"]),
        "  last fills: " + ", ".join(f"{_clock(f['atMs'])} {f['side']} {f['amount']} at {f['price']}" for f in bot["fills"]),
        "",
        f"URL    {url}   (API: {url}/api/v1, docs: {url}/docs)",
        f"Login  user {demo.TRADER}, password {password}   (administrator: admin, {release.admin_password(kube)})",
        "",
        "Try next:",
        f"  {_tw()} bots show {demo.BOT}",
        f"  {_kubectl(kube)} get tradewind -A",
        f"  {url}/healthz",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _wait_answer(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own portal
                return
        except (urllib.error.URLError, OSError) as exc:
            if time.monotonic() > deadline:
                raise DemoError(f"{url} does not answer: {exc}") from exc
            time.sleep(0.3)


def _kept() -> Path:
    return state_home().parent / f"demo-{(CONTEXT or NAME).replace('/', '_')}.json"


def _clock(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%m-%d %H:%M")


def _tw() -> str:
    return os.path.relpath(Path(sys.prefix) / "bin/tw")


def _kubectl(kube: Kube) -> str:
    if kube.context:
        return f"kubectl --context {kube.context}"
    return f"KUBECONFIG={kube.kubeconfig} {binaries.binary('kubectl')}"


def main() -> int:
    """Run one command and return its exit code."""
    command = {"up": up, "down": down}.get(sys.argv[1] if len(sys.argv) == 2 else "")
    if command is None:
        sys.stderr.write("usage: python -m tradewind_demo up|down\n")
        return 2
    try:
        command()
    except (DemoError, ClusterError, CandleError) as exc:
        sys.stderr.write(f"\nerror: {exc}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; run the same command again to go on\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
