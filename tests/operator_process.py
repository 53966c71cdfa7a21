"""The operator as a process of its own, under the account and the rights that the chart gives it."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import yaml
from free_ports import free_port
from portal_cluster import RBAC, ROOT, make_namespace, wait_for

HOME = "tradewind-operator-test"
SIMULATOR = "tradewind-simulator.tradewind.svc:9000"
EXCHANGES = json.dumps(
    [{"name": "simulated", "ccxtId": "binance", "endpoint": {"rest": f"http://{SIMULATOR}", "ws": f"ws://{SIMULATOR}"}}]
)


def install_rights(api) -> None:
    """Apply the chart's file of rights as Helm would."""
    make_namespace(api, HOME)
    text = (ROOT / "charts/tradewind/templates/operator-rbac.yaml").read_text()
    lines = [line for line in text.splitlines() if "include" not in line]
    text = "\n".join(lines).replace("{{ .Release.Namespace }}", HOME)
    for manifest in yaml.safe_load_all(text):
        account = manifest["kind"] == "ServiceAccount"
        plural = "serviceaccounts" if account else manifest["kind"].lower() + "s"
        place = f"/api/v1/namespaces/{HOME}" if account else RBAC
        api.apply(f"{place}/{plural}/{manifest['metadata']['name']}", manifest)


class OperatorProcess:
    """One process; `start` after `kill` is what a Deployment does."""

    def __init__(self, api, control_plane, folder: Path) -> None:
        token_request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}}
        path = f"/api/v1/namespaces/{HOME}/serviceaccounts/tradewind-operator/token"
        token = api.call("POST", path, token_request)["status"]["token"]
        config = yaml.safe_load(control_plane.kubeconfig.read_text())
        config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
        self._kubeconfig = folder / "operator.kubeconfig"
        self._kubeconfig.write_text(yaml.safe_dump(config))
        self.log = folder / "operator.log"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and wait until everything is cached."""
        env = os.environ | {
            "TRADEWIND_OPERATOR_KUBECONFIG": str(self._kubeconfig),
            "TRADEWIND_OPERATOR_METRICS_PORT": str(self.port),
            "TRADEWIND_OPERATOR_NAMESPACE": HOME,
            "TRADEWIND_OPERATOR_EXCHANGES": EXCHANGES,
        }
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tradewind_operator"], env=env, stdout=output, stderr=output
            )
        wait_for(lambda: self.get("readyz") == "ok", 60)

    def get(self, path: str) -> str:
        """Return what the process answers on its port."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=5) as answer:
            return answer.read().decode()

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        lines = [line for line in self.get("metrics").splitlines() if line.startswith(name)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """End it politely and return its exit code."""
        self._process.terminate()
        return self._process.wait(20)
