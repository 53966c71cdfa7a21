"""kubectl and helm of the cluster at hand."""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

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
        if self.context:  # their cluster, their kubectl and helm; ours where there is none
            return os.environ | {"PATH": os.pathsep.join([os.environ.get("PATH", ""), binaries.search_path()])}
        return os.environ | {"PATH": binaries.search_path(), "KUBECONFIG": self.kubeconfig}

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """Run kubectl and return what it printed. Raises DemoError with what it complained of."""
        done = self.tried(*arguments, stdin=stdin)
        return _output(done) if check else done.stdout

    def tried(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl, whatever comes of it."""
        return self._run([*self._kubectl(), *arguments], stdin)

    def helm(self, *arguments: str, stdin: str = "") -> str:
        """Run helm and return what it printed. Raises DemoError."""
        return _output(self._run(["helm", *(["--kube-context", self.context] if self.context else []), *arguments], stdin))

    def get(self, *arguments: str) -> dict[str, Any] | None:
        """Return one object, None if it is not there."""
        text = self.kubectl("get", *arguments, "-o", "json", "--ignore-not-found")
        found: dict[str, Any] | None = json.loads(text) if text.strip() else None
        return found

    def forward_command(self, service: str, port: int, local: int) -> list[str]:
        """Return the command that brings a Service's port to a port of this machine for as long as it runs."""
        return [*self._kubectl(), "-n", NAMESPACE, "port-forward", f"svc/{service}", f"{local}:{port}"]

    @contextlib.contextmanager
    def forward(self, service: str, port: int, *, local: int = 0) -> Iterator[str]:
        """Yield a local base URL of a Service's port while the block lasts; a free port where `local` is 0."""
        if not local:
            with socket.create_server(("127.0.0.1", 0)) as free:
                local = free.getsockname()[1]
        command = self.forward_command(service, port, local)
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(command, env=self.environment(), stdout=subprocess.DEVNULL, stderr=said)
            try:
                _wait_open(process, local, said)
                yield f"http://127.0.0.1:{local}"
            finally:
                process.terminate()
                process.wait()

    def _kubectl(self) -> list[str]:
        return ["kubectl", *(["--context", self.context] if self.context else [])]

    def _run(self, command: list[str], stdin: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env=self.environment(), input=stdin, capture_output=True, text=True, check=False)


def _output(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode:
        raise DemoError(f"{' '.join(done.args[:6])} ... failed:\n{done.stderr.strip()[-1500:]}")
    return done.stdout


def _wait_open(process: subprocess.Popen[bytes], port: int, said: IO[str]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                said.seek(0)
                raise DemoError(f"kubectl port-forward did not come up: {said.read().strip()[-500:]}") from None
            time.sleep(0.1)
        else:
            return
