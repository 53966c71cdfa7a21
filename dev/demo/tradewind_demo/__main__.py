"""`python -m tradewind_demo up|down`: what `make up` and `make down` run.

Settings by environment, as make hands them on: CLUSTER, CONTEXT, REGISTRY, DATA, SYMBOL, PORT, KEEP.
"""

import os
import shlex
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from tradewind_cli.profile import load_file_profile, profile_path
from tradewind_cluster import binaries, cluster
from tradewind_cluster.layout import DEFAULT_NAME, ClusterError, layout, state_home
from tradewind_cluster.preflight import check_port
from tradewind_demo import demo, existing, images, node_images, release, verdict
from tradewind_demo.kube import Kube
from tradewind_demo.steps import DemoError, say, step
from tradewind_engine.candles import CandleError
from tradewind_engine.timeframes import timeframe_ms

PORT = int(os.environ.get("PORT") or 8000)
CONTEXT, REGISTRY = os.environ.get("CONTEXT", ""), os.environ.get("REGISTRY", "")
NAME = os.environ.get("CLUSTER") or DEFAULT_NAME
PORTAL = "tradewind-portal", 8000
OTHER_PROFILE = "TRADEWIND_CLI_PROFILE"


def up() -> None:
    """Bring everything up and show that it works."""
    market = demo.inspect(os.environ.get("DATA", ""), os.environ.get("SYMBOL", ""))
    speed = timeframe_ms(market.timeframe) / 1000  # one candle a second
    if CONTEXT:
        say(f"using the cluster of context {CONTEXT}, because CONTEXT is set")
        kube = _existing_cluster()
    else:
        say(f"bringing up the local cluster {NAME!r}, because CONTEXT is not set")
        kube = _local_cluster()
    if release.define(kube) and not CONTEXT:
        cluster.learn_kinds(layout(NAME, node=True))
    with step("images"):
        tags = images.build_all(say, REGISTRY or "localhost")
        if REGISTRY:
            images.push_all(tags, REGISTRY, say)
        elif CONTEXT:
            node_images.check_nodes(kube, images.names(tags, "localhost"), say)
        else:
            images.load_all(layout(NAME, node=True), tags, say)
    with step("chart"):
        release.install(kube, tags, registry=REGISTRY or "localhost", local=not CONTEXT, speed=speed)
        release.wait_ready(kube, say)
    if CONTEXT:
        with kube.forward(*PORTAL, local=PORT) as url:
            _show(kube, url, market)
    else:
        _show(kube, f"http://127.0.0.1:{PORT}", market)


def down() -> None:
    """Take everything away; KEEP=1 keeps the local cluster's state."""
    if CONTEXT:
        _uninstall()
        return
    keep = bool(os.environ.get("KEEP"))
    where = layout(NAME, node=True)
    if not where.state.exists():
        say(f"there is no cluster {NAME!r}")
        return
    with step(f"taking down the cluster {NAME!r}"):
        cluster.down(where, keep=keep)
    if not keep:
        _forget_login()
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


def _existing_cluster() -> Kube:
    kube = Kube(context=CONTEXT)
    with step("Kubernetes"):
        existing.check_answers(kube, say)
        existing.check_takes_us(kube)
        check_port(PORT)
    return kube


def _uninstall() -> None:
    kube = Kube(context=CONTEXT)
    existing.check_answers(kube, say)
    with step(f"uninstalling from context {CONTEXT}"):
        release.remove(kube, frozenset({demo.TENANT}), say)
    _forget_login()
    say("the demo's data is deleted; the definitions of our kinds stay, as Helm's users expect. To take them too:")
    sys.stdout.write(f"  kubectl --context {CONTEXT} delete crd {' '.join(release.definitions())}\n")


def _show(kube: Kube, url: str, market: demo.Market) -> None:
    with step("portal"):
        _wait_answer(f"{url}/readyz")
        _keep_other_login(url)
        client, password = demo.trader_login(url, release.admin_password(kube), _kept(), say)
    with step("tenant (where our kinds are new its quota counts after half a minute)" if CONTEXT else "tenant"):
        release.wait_tenant(kube, demo.TENANT)
    with step(f"candles ({market.told})"):
        demo.set_market(kube, client, market, _kept(), say)
        stretch = demo.feed(kube, client, market, say)
    with step("backtest"):
        timeframe = demo.backtest_timeframe(market.timeframe, stretch)
        report = demo.run_backtest(client, market, stretch, timeframe)
    with step("paper bot (waits for its first trade, in the exchange's order book)"):
        bot = demo.run_bot(client, market)
    lines = [
        "",
        f"Backtest {demo.BACKTEST} (SMA crossover, {market.symbol} {timeframe}, {market.told}):",
        *verdict.lines(report, simulated=market.data is None),
        f"Paper bot {demo.BOT} ({market.timeframe}): equity {float(bot['ledger']['equity']):.2f} {bot['ledger']['currency']}",
        "  (the simulated exchange closes a candle each second: its clock runs ahead of yours)",
        "  last decisions: " + ", ".join(f"{_clock(d['atMs'])} {d['action']}" for d in bot["decisions"]),
        "  last fills: " + ", ".join(f"{_clock(f['atMs'])} {f['side']} {f['amount']} at {f['price']}" for f in bot["fills"]),
        "",
        f"URL    {url}   (a page that says what is here; API: {url}/api/v1, description: {url}/api/v1/openapi.json)",
        f"Login  user {demo.TRADER}, password {password}   (administrator: admin, {release.admin_password(kube)})",
        "       `tw`, as named below, is logged in with it already",
        "",
        *_reached_by(kube),
        "Try next:",
        f"  {_tw()} bots show {demo.BOT}",
        f"  {_kubectl(kube)} get tradewind -A",
        f"  {url}/healthz?verbose",
        "  docs/tutorials: trader, live-orders (a live bot, without money), platform-engineer, sre",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _reached_by(kube: Kube) -> list[str]:
    """Return how the URL is kept alive: our own forward to a person's cluster has ended by then."""
    if not kube.context:
        return []
    return [
        "The portal answers there while this runs, in another terminal:",
        f"  {shlex.join(kube.forward_command(*PORTAL, PORT))}",
        "",
    ]


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


def _keep_other_login(url: str) -> None:
    """Where the person is logged in to another portal, leave that login alone and keep this one beside it."""
    if profile_path().exists() and load_file_profile().url != url:
        _own_profile().unlink(missing_ok=True)
        os.environ[OTHER_PROFILE] = str(_own_profile())


def _forget_login() -> None:
    """Remove what `up` kept of a portal that is gone."""
    url = f"http://127.0.0.1:{PORT}"
    _kept().unlink(missing_ok=True)
    _own_profile().unlink(missing_ok=True)
    if load_file_profile().url == url:
        profile_path().unlink(missing_ok=True)


def _own_profile() -> Path:
    return _kept().with_suffix(".profile.json")


def _tw() -> str:
    command = os.path.relpath(Path(sys.prefix) / "bin/tw")
    return f"{OTHER_PROFILE}={profile_path()} {command}" if profile_path() == _own_profile() else command


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
