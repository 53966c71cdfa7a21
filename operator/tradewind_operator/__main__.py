"""`python -m tradewind_operator`: the process. The only module that knows kopf, which follows our own kinds.

Crash-only: whatever ends unexpectedly ends the process, and the next one starts from what is.
"""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from importlib.metadata import version
from typing import Any

import kopf

from tradewind_api.resources import GROUP, VERSION
from tradewind_kube.client import KubeClient
from tradewind_kube.configuration import ConfigurationError, load_configuration
from tradewind_operator.operate import RECONCILERS, Operator
from tradewind_operator.probes import serve
from tradewind_operator.settings import OperatorSettings
from tradewind_operator.world import OURS

log = logging.getLogger("tradewind.operator")


def registry(operator: Operator, kubeconfig: str) -> kopf.OperatorRegistry:
    """Return kopf's registry: one event handler a kind, nothing that stores state in our resources."""
    found = kopf.OperatorRegistry()
    for plural in OURS:

        @kopf.on.event(GROUP, VERSION, plural, registry=found)
        async def told(type: str | None, body: kopf.Body, resource: kopf.Resource, **_: Any) -> None:  # noqa: A002 - kopf's name
            operator.seen(resource.plural, type, _plain(body))

    @kopf.on.login(registry=found)
    async def login(**arguments: Any) -> Any:
        if kubeconfig:
            os.environ["KUBECONFIG"] = kubeconfig
        return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)

    return found


def kopf_settings() -> kopf.OperatorSettings:
    """Return kopf's settings: no peering, no events, no scanning; watches that notice silence."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.watching.server_timeout = 300
    settings.watching.connect_timeout = 10
    settings.watching.reconnect_backoff = 1.0
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.queueing.idle_timeout = 1.0
    settings.process.ultimate_exiting_timeout = 25
    return settings


async def run(settings: OperatorSettings) -> int:
    """Run until SIGTERM (0) or until a part fails (1)."""
    stop, started = asyncio.Event(), asyncio.Event()
    _take_signals(stop)
    async with KubeClient(load_configuration(settings.kubeconfig), field_manager="tradewind-operator") as client:
        operator = Operator(client, settings, socket.gethostname())
        runner = await serve(operator, settings.metrics_port)
        log.info(
            "operator %s: reconciles %s in all namespaces; platform in namespace %s; metrics and probes on port %d",
            version("tradewind"),
            ", ".join(RECONCILERS),
            settings.namespace,
            settings.metrics_port,
        )
        watching = kopf.operator(
            registry=registry(operator, settings.kubeconfig),
            settings=kopf_settings(),
            clusterwide=True,
            stop_flag=stop,
            ready_flag=started,
        )
        parts = [asyncio.create_task(watching), asyncio.create_task(operator.run()), asyncio.create_task(stop.wait())]
        parts.append(asyncio.create_task(_take_signals_back(started, stop)))
        done, _ = await asyncio.wait(parts[:3], return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in done if task is not parts[2]] if not stop.is_set() else []
        for task in failed:
            log.error("a part of the operator ended: %r", task.exception() if not task.cancelled() else "cancelled")
        for task in parts:
            task.cancel()
        await asyncio.wait(parts, timeout=5)
        await runner.cleanup()
        log.info("stopped%s", " after a failure" if failed else "")
    return 1 if failed else 0


def _take_signals(stop: asyncio.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)


async def _take_signals_back(started: asyncio.Event, stop: asyncio.Event) -> None:
    """Kopf takes the signals for itself when it starts; a stop is ours to tell from a failure."""
    await started.wait()
    _take_signals(stop)


def main() -> int:
    """Parse the command line; everything else is set by the environment."""
    lines = [
        f"  TRADEWIND_OPERATOR_{name.upper()}: {field.description}" for name, field in OperatorSettings.model_fields.items()
    ]
    argparse.ArgumentParser(
        prog="tradewind_operator",
        description="The Tradewind operator.",
        epilog="environment:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("kopf").setLevel(logging.WARNING)
    try:
        return asyncio.run(run(OperatorSettings()))
    except ConfigurationError as exc:
        log.error("%s", exc)  # noqa: TRY400 - the message says it all
        return 1


def _plain(body: Any) -> dict[str, Any]:
    return dict(body)


if __name__ == "__main__":
    sys.exit(main())
