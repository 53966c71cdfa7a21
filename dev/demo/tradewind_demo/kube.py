"""kubectl and helm of the cluster at hand."""

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tradewind_cluster import binaries
from tradewind_demo.steps import DemoError

NAMESPACE = RELEASE = "tradewind"


@dataclass(frozen=True, slots=True)
class Kube:
    """A kubeconfig or a context of the person's own."""

    kubeconfig: str = ""
    context: str = ""

    def environment(self) -> dict[str, str]:
        """Return the environment of kubectl and helm."""
        env = os.environ | {"PATH": binaries.search_path()}
        return env | ({"KUBECONFIG": self.kubeconfig} if self.kubeconfig else {})

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """Run kubectl and return what it printed. Raises DemoError with what it complained of."""
        return self._run(["kubectl", *(["--context", self.context] if self.context else []), *arguments], stdin, check=check)

    def helm(self, *arguments: str, stdin: str = "") -> str:
        """Run helm and return what it printed. Raises DemoError."""
        return self._run(["helm", *(["--kube-context", self.context] if self.context else []), *arguments], stdin)

    def get(self, *arguments: str) -> dict[str, Any] | None:
        """Return one object, None if it is not there."""
        text = self.kubectl("get", *arguments, "-o", "json", "--ignore-not-found")
        found: dict[str, Any] | None = json.loads(text) if text.strip() else None
        return found

    @contextlib.contextmanager
    def forward(self, service: str, port: int) -> Iterator[str]:
        """Yield a local base URL of a Service's port while the block lasts."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            local = free.getsockname()[1]
        command = ["kubectl", *(["--context", self.context] if self.context else []), "-n", NAMESPACE]
        command += ["port-forward", f"svc/{service}", f"{local}:{port}"]
        process = subprocess.Popen(command, env=self.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    socket.create_connection(("127.0.0.1", local), 1).close()
                    break
                except OSError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise DemoError(f"kubectl port-forward to {service} did not come up") from None
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{local}"
        finally:
            process.terminate()
            process.communicate()

    def _run(self, command: list[str], stdin: str, *, check: bool = True) -> str:
        done = subprocess.run(command, env=self.environment(), input=stdin, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise DemoError(f"{' '.join(command[:6])} ... failed:\n{done.stderr.strip()[-1500:]}")
        return done.stdout
