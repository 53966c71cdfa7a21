"""The whole platform on the run's own node: the chart with the simulated exchange, and a trader who is logged in."""

import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tradewind_cli.client import ApiError
from tradewind_cluster import cluster
from tradewind_cluster.layout import Layout
from tradewind_demo import demo, images, release
from tradewind_demo.kube import Kube


class Platform:
    """The installed chart, and a trader who is logged in."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        self.layout, self.kube = layout, Kube(kubeconfig=str(layout.kubeconfig))
        release.define(self.kube)
        cluster.learn_kinds(layout)
        tags = images.build_all(print)
        images.load_all(layout, tags, print)
        release.install(self.kube, tags, registry="localhost", local=True, speed=60)
        release.wait_ready(self.kube, print)
        self.url = f"http://{layout.address}:{release.NODE_PORT}"
        wait_for(lambda: self.answers("/readyz"))
        self.client, _ = demo.trader_login(self.url, release.admin_password(self.kube), folder / "login.json", print)
        release.wait_tenant(self.kube, demo.TENANT)

    def answers(self, path: str) -> str:
        """Return what the portal says, nothing while it does not answer."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def namespace(self) -> str:
        """Return the namespace of the demo's tenant."""
        return self.kube.get("tenant", demo.TENANT)["status"]["namespace"]

    def decisions(self) -> int:
        """Return how many candles the demo's bot has decided on; -1 while nobody answers."""
        try:
            return len([item for item in self.client.all_items(f"/bots/{demo.BOT}/events") if item["type"] == "Decision"])
        except ApiError:
            return -1


def wait_for(look: Callable[[], Any], seconds: float = 120) -> Any:
    """Return the first true answer of `look`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)
    return found
