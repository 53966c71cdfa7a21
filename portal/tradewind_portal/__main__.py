"""`python -m tradewind_portal`: start, serve, stop."""

import asyncio
import gc
import logging
import os
import socket
import sys
from time import monotonic

from pydantic import ValidationError
from pydantic_settings import SettingsError

from tradewind_kube.configuration import ConfigurationError, load_configuration
from tradewind_portal import VERSION, logs
from tradewind_portal.application import internal_app, public_app
from tradewind_portal.audit.gate import AuditGate
from tradewind_portal.audit.observer import ClusterAudit
from tradewind_portal.auth.access_token import AccessTokens
from tradewind_portal.auth.passwords import Passwords
from tradewind_portal.auth.service import Auth
from tradewind_portal.backtests.service import Backtests
from tradewind_portal.bots.service import Bots
from tradewind_portal.candles.service import CandleLibrary
from tradewind_portal.certificate import Certificate
from tradewind_portal.cluster.live import LiveCluster
from tradewind_portal.cluster.port import Cluster
from tradewind_portal.edge import Edge
from tradewind_portal.idempotency import Replays
from tradewind_portal.keys.envelope import Envelopes, NoOuterKeyError
from tradewind_portal.keys.service import Keys
from tradewind_portal.keys.verifying import Verifier
from tradewind_portal.kill.service import KillSwitches
from tradewind_portal.leases.service import Leases
from tradewind_portal.ledger.identity import Identities
from tradewind_portal.ledger.service import Ledgers
from tradewind_portal.optimisations.service import Optimisations
from tradewind_portal.ratelimits import RateLimits
from tradewind_portal.results.service import Results
from tradewind_portal.services import Services
from tradewind_portal.serving import Server, listen, metrics_app, serve, server_for, stop_on_signals
from tradewind_portal.settings import Settings
from tradewind_portal.started import keep_start, let_go_of_start
from tradewind_portal.store import FileTakenError, SchemaMismatchError, Store
from tradewind_portal.strategies.service import Strategies
from tradewind_portal.tenants.service import Tenants
from tradewind_portal.tokens.service import Tokens

log = logging.getLogger("tradewind.portal")
EXIT_CONFIGURATION = 78
LOCK_WAIT_S = 60
SYNC_WAIT_S = 30


def make_services(
    settings: Settings, store: Store, cluster: Cluster, passwords: Passwords, verifier: Verifier | None = None
) -> Services:
    """Return the services over an open store and a cluster."""
    tokens = AccessTokens({kid: key.get_secret_value() for kid, key in settings.jwt_keys.items()})
    ledgers, results, kill = Ledgers(store), Results(store), KillSwitches(store)
    envelopes = Envelopes(settings.kek_file)
    if settings.kek_file is not None:
        envelopes.keys()  # a file that is of no use is found out now
    keys = Keys(store, cluster, settings.exchanges, envelopes, verifier or Verifier())
    return Services(
        settings=settings,
        store=store,
        cluster=cluster,
        auth=Auth(store, passwords, tokens),
        tokens=Tokens(store),
        tenants=Tenants(store, cluster, passwords),
        bots=Bots(cluster, settings.exchanges),
        strategies=Strategies(cluster),
        backtests=Backtests(cluster, results, settings.exchanges),
        candles=CandleLibrary(store, settings.data_dir / "candles", settings),
        identities=Identities(cluster, ledgers, settings.token_audience),
        ledgers=ledgers,
        keys=keys,
        kill=kill,
        leases=Leases(store, cluster, keys, kill, egress_address=settings.egress_address),
        results=results,
        optimisations=Optimisations(store),
        rate_limits=RateLimits(),
        replays=Replays(store),
    )


async def open_store(settings: Settings, stop: asyncio.Event) -> Store:
    """Return the open store, waiting for a process that is just ending. Raises FileTakenError at `stop`, or after a minute."""
    deadline = monotonic() + LOCK_WAIT_S
    while True:
        try:
            return Store(
                settings.data_dir,
                memory_mib=settings.store_memory_mib,
                threads=settings.store_threads,
                readers=settings.read_threads,
                query_seconds=settings.query_seconds,
            )
        except FileTakenError as exc:
            if monotonic() > deadline or stop.is_set():
                raise
            log.warning("waiting for the data folder", extra={"fields": {"why": str(exc)}})
            await asyncio.sleep(1)


async def run(settings: Settings) -> None:
    """Serve until told to stop."""
    stop = stop_on_signals()
    configuration = load_configuration(settings.kubeconfig)
    store = await open_store(settings, stop)
    store.start()
    try:
        async with LiveCluster(configuration) as cluster:
            audit = ClusterAudit(store, cluster)
            cluster.observe(audit.changed)
            services = make_services(settings, store, cluster, Passwords())
            await _first_admin(services)
            certificate = _certificate(settings)
            following = [asyncio.create_task(_audit(audit, cluster), name="cluster-audit")]
            if certificate is not None:
                following.append(asyncio.create_task(certificate.follow(), name="certificate"))
            servers = _servers(services, cluster, certificate)
            keep_start()
            let_go_of_start()
            await serve(servers, stop, watch=following)
    finally:
        gc.unfreeze()  # what is frozen when the process ends is called leaked by DuckDB
        await store.close()
    log.info("stopped")


async def _first_admin(services: Services) -> None:
    given = services.settings.admin_password
    name = services.settings.admin_user
    made = await services.auth.ensure_admin(name, given.get_secret_value() if given else None)
    if made:
        sys.stdout.write(f"\nThe first administrator is {name!r} with the password {made}\nIt is shown this once.\n\n")
        sys.stdout.flush()


async def _audit(audit: ClusterAudit, cluster: LiveCluster) -> None:
    async def settle() -> None:
        while not await cluster.synced(SYNC_WAIT_S):
            log.warning("the API server was not heard of yet")
        await audit.forget_missing()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(audit.run())
        tasks.create_task(settle())


def _certificate(settings: Settings) -> Certificate | None:
    cert, key = settings.internal_tls_cert, settings.internal_tls_key
    if (cert is None) != (key is None):
        raise ValueError("set both of TRADEWIND_PORTAL_INTERNAL_TLS_CERT and TRADEWIND_PORTAL_INTERNAL_TLS_KEY, or neither")
    return Certificate(cert, key) if cert and key else None


def _servers(services: Services, cluster: LiveCluster, certificate: Certificate | None) -> list[tuple[Server, socket.socket]]:
    settings = services.settings
    public = Edge(public_app(services), before_answer=AuditGate(services.store))

    def measure() -> None:
        services.store.measure()
        cluster.measure()

    sockets = [listen(settings.address, port) for port in (settings.public_port, settings.internal_port, settings.metrics_port)]
    names = ("public", "internal", "metrics")
    ports = {name: sock.getsockname()[1] for name, sock in zip(names, sockets, strict=True)}
    log.info("listening", extra={"fields": {"version": VERSION, "address": settings.address, **ports}})
    servers = [
        server_for(public, forwarded_allow_ips=settings.forwarded_allow_ips),
        server_for(Edge(internal_app(services)), tls=certificate.context if certificate else None),
        server_for(metrics_app(measure)),
    ]
    return list(zip(servers, sockets, strict=True))


def main() -> int:
    """Start; explain what is configured wrongly."""
    try:
        settings = Settings()
    except ValidationError as exc:
        for error in exc.errors():
            name = "_".join(str(part) for part in error["loc"]).upper()
            sys.stderr.write(f"TRADEWIND_PORTAL_{name}: {error['msg']}\n")
        return EXIT_CONFIGURATION
    except SettingsError as exc:
        sys.stderr.write(f"TRADEWIND_PORTAL_*: {exc}: JSON is wanted\n")
        return EXIT_CONFIGURATION
    logs.configure(settings.log_level)
    os.umask(0o077)
    try:
        asyncio.run(run(settings))
    except (ConfigurationError, NoOuterKeyError, FileTakenError, SchemaMismatchError, OSError, ValueError) as exc:
        log.error("cannot start", extra={"fields": {"why": str(exc)}})  # noqa: TRY400 - the sentence says it all
        return EXIT_CONFIGURATION
    return 0


if __name__ == "__main__":
    sys.exit(main())
