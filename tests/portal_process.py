"""A portal as a process of its own on free ports, for tests."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

ADMIN, PASSWORD = "admin", "correct-horse-battery"
EXCHANGES = [{"name": "simulated", "ccxtId": "binance"}]


@dataclass
class PortalProcess:
    """A running portal; `lines` are its log, decoded where JSON."""

    process: subprocess.Popen[str]
    ports: dict[str, int]
    lines: list[str] = field(default_factory=list)
    drain: threading.Thread = field(default_factory=threading.Thread)

    @property
    def public(self) -> str:
        return f"http://127.0.0.1:{self.ports['public']}"

    @property
    def internal(self) -> str:
        return f"http://127.0.0.1:{self.ports['internal']}"

    @property
    def metrics(self) -> str:
        return f"http://127.0.0.1:{self.ports['metrics']}"

    def kill(self) -> None:
        """End it as a power cut of the process would."""
        self.process.kill()
        self._ended(10)

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._ended(30)

    def _ended(self, seconds: float) -> int:
        code = self.process.wait(timeout=seconds)
        self.drain.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def start_portal(data_dir: Path, kubeconfig: Path, *, log: list[str] | None = None, **settings: str) -> PortalProcess:
    """Start a portal and wait until it listens; `log` has its lines as they come."""
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        "TRADEWIND_PORTAL_DATA_DIR": str(data_dir),
        "TRADEWIND_PORTAL_KUBECONFIG": str(kubeconfig),
        "TRADEWIND_PORTAL_PUBLIC_PORT": "0",
        "TRADEWIND_PORTAL_INTERNAL_PORT": "0",
        "TRADEWIND_PORTAL_METRICS_PORT": "0",
        "TRADEWIND_PORTAL_ADDRESS": "127.0.0.1",
        "TRADEWIND_PORTAL_ADMIN_USER": ADMIN,
        "TRADEWIND_PORTAL_ADMIN_PASSWORD": PASSWORD,
        "TRADEWIND_PORTAL_EXCHANGES": json.dumps(EXCHANGES),
        "TRADEWIND_PORTAL_LOGIN_ATTEMPTS_PER_MINUTE": "1000",
        **{f"TRADEWIND_PORTAL_{name.upper()}": value for name, value in settings.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tradewind_portal"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    portal = PortalProcess(process, {}, [] if log is None else log)
    assert process.stdout is not None
    for line in process.stdout:
        portal.lines.append(line)
        if '"event": "listening"' in line:
            portal.ports = json.loads(line)
            break
    else:
        raise AssertionError(f"the portal ended with {process.wait()}: {''.join(portal.lines)}")
    portal.drain = threading.Thread(target=_drain, args=(portal,), daemon=True)
    portal.drain.start()
    return portal


def _drain(portal: PortalProcess) -> None:
    assert portal.process.stdout is not None
    portal.lines.extend(portal.process.stdout)


def wait_ready(portal: PortalProcess, seconds: float = 30) -> None:
    """Wait until the portal says that it is ready."""
    deadline = time.monotonic() + seconds
    text = ""
    while time.monotonic() < deadline:
        try:
            answer = httpx2.get(f"{portal.public}/readyz?verbose=1")
        except httpx2.HTTPError as exc:
            text = repr(exc)
        else:
            text = answer.text
            if answer.status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"the portal is not ready: {text}\n{''.join(portal.lines)}")


def cookies_of(answer: httpx2.Response) -> dict[str, str]:
    """Return the cookies that an answer sets; the client's own jar keeps none, since they are Secure."""
    found: dict[str, str] = {}
    for header in answer.headers.get_list("set-cookie"):
        name, _, rest = header.partition("=")
        found[name] = rest.partition(";")[0]
    return found


def log_in(portal: PortalProcess, user: str = ADMIN, password: str = PASSWORD) -> dict[str, str]:
    """Return the headers of a session."""
    answer = httpx2.post(f"{portal.public}/api/v1/auth/login", json={"user": user, "password": password})
    assert answer.status_code == 200, answer.text
    cookie = "; ".join(f"{name}={value}" for name, value in cookies_of(answer).items())
    return {"Cookie": cookie, "Tradewind-Request": "1"}


def make_token(portal: PortalProcess, session: dict[str, str], **more: Any) -> dict[str, str]:
    """Return the headers of a new personal access token."""
    answer = httpx2.post(f"{portal.public}/api/v1/tokens", json={"name": "test", **more}, headers=session)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}
