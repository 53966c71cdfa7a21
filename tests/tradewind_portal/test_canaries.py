"""Canary secrets through every path of the portal: found in the one answer that each is for, and nowhere else."""

import base64
import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from portal_double import Running, running_portal
from prometheus_client import generate_latest

from tradewind_portal.application import public_app
from tradewind_portal.cluster.port import Kind
from tradewind_portal.logs import JsonFormatter

PLANTED: list[str] = []
BOT = {
    "strategy": {"template": "sma-crossover"},
    "exchange": "simulated",
    "symbols": ["BTC/USDT"],
    "mode": "Live",
    "credentials": "key-0",
    "capital": {"currency": "USDT", "amount": "1000"},
}


def plant() -> str:
    """Return a new canary."""
    PLANTED.append(f"cAnArY-{len(PLANTED):04d}-x7Qp2LmZ")
    return PLANTED[-1]


def parts() -> dict[str, str]:
    return {"apiKey": plant(), "secret": plant(), "password": plant()}


def forms(canary: str) -> set[bytes]:
    """Return what a canary looks like in clear, as hexadecimal, in a URL, and as base64 wherever it begins."""
    raw = canary.encode()
    shifted = {base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)}
    return {raw, raw.hex().encode(), quote(canary, safe="").encode(), *shifted}


def hits(where: str, content: bytes) -> list[str]:
    return [f"{canary} in {where}" for canary in PLANTED if any(form in content for form in forms(canary))]


class Ears(logging.Handler):
    """Everything that is logged, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JsonFormatter())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def ears() -> Any:
    root, handler = logging.getLogger("tradewind"), Ears()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


async def take_in(portal: Running, headers: dict[str, str]) -> list[tuple[str, bytes]]:
    """Plant canaries in keys that are kept, rotated and refused, and in requests that nobody understands."""
    answers: list[tuple[str, bytes]] = []

    async def send(method: str, path: str, **body: Any) -> None:
        answer = await portal.public.request(method, path, headers={**headers, **body.pop("headers", {})}, **body)
        answers.append((f"{method} {path}: {answer.status_code}", answer.content))

    for number in range(20):
        body = {"name": f"key-{number}", "exchange": "simulated", **parts()}
        await send("POST", "/api/v1/exchange-keys", json=body, headers={"Idempotency-Key": f"idem-{number:04d}"})
        await send("POST", "/api/v1/exchange-keys", json=body)
    for number in range(5):
        await send("PUT", f"/api/v1/exchange-keys/key-{number}", json=parts())
    for answer in ({"error": "Invalid"}, {"error": "Unreadable"}, {"canTrade": True, "canWithdraw": True}, {"error": plant()}):
        portal.verifier.answer = answer
        await send("POST", "/api/v1/exchange-keys", json={"name": "no", "exchange": "simulated", **parts()})
    portal.verifier.answer = {"canTrade": True, "canWithdraw": False}
    for wrong in (
        {"exchange": "elsewhere"},
        {"name": "UPPER"},
        {"apiKey": f"{plant()} {plant()}"},
        {"secret": f"{plant()}\n"},
        {"secret": [plant()]},
        {"password": {"inner": plant()}},
        {"more": plant()},
    ):
        await send("POST", "/api/v1/exchange-keys", json={"name": "no", "exchange": "simulated", **parts(), **wrong})
    for content in (f'{{"secret": "{plant()}"', f"secret={plant()}", f'["{plant()}"]', f'"{plant()}"'):
        await send("POST", "/api/v1/exchange-keys", content=content, headers={"Content-Type": "application/json"})
    return answers


async def break_inside(portal: Running, headers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes]]:
    """Let what seals, and what stores, fail in ways that nobody has thought of."""
    found = []
    for place, name in ((portal.services.keys._envelopes, "seal"), (portal.services.store, "write")):

        def fail(*_: Any, **__: Any) -> None:
            raise RuntimeError("broken")

        with monkeypatch.context() as patch:
            patch.setattr(place, name, fail)
            body = {"name": "broken", "exchange": "simulated", **parts()}
            answer = await portal.public.post("/api/v1/exchange-keys", json=body, headers=headers)
            assert 500 == answer.status_code
            found.append((f"broken {name}", answer.content))
    return found


async def everything(portal: Running, headers: dict[str, str], named: dict[str, str]) -> list[tuple[str, bytes]]:
    """Ask every reading operation of the OpenAPI, as owner and as administrator."""
    found = []
    for path, methods in public_app(None).openapi()["paths"].items():
        if "get" not in methods:
            continue
        target = path.format(name="key-0" if "exchange-keys" in path else "one", digest="0" * 64)
        for who in (headers, named):
            answer = await portal.public.get(target, headers=who)
            found.append((f"GET {target}", answer.content))
    return found


@pytest.mark.slow
async def test_what_is_planted_is_found_nowhere(tmp_path: Path, ears: Ears, monkeypatch: pytest.MonkeyPatch):
    """Answers, logs, metrics, audit, database, its log, every file: 0 hits; the one answer to the bot's pod has its key."""
    PLANTED.clear()
    folder = tmp_path / "data"
    async with running_portal(folder) as portal:
        admin = await portal.log_in()
        alice = await portal.tenant("acme", admin)
        answers = await take_in(portal, alice)
        item = portal.cluster.put(Kind.TRADING_BOT, {"metadata": {"name": "one"}, "spec": BOT}, "tw-acme-test")
        labels = {"tradewind.dev/tenant": "acme", "tradewind.dev/bot": "one", "tradewind.dev/bot-uid": item["metadata"]["uid"]}
        pod = portal.cluster.run_pod("tw-acme-test", "one-0", labels)
        hello = {"generation": 1, "strategyDigest": "s", "runnerVersion": "0"}
        handed = await portal.internal.post("/runner/v1/start", json=hello, headers=pod)
        assert {handed.json()["credential"][name] for name in ("apiKey", "secret", "password")} <= set(PLANTED)
        beat = {"epoch": 1, "trading": True, "unacknowledgedEvents": 0}
        answers.append(("lease", (await portal.internal.post("/runner/v1/lease", json=beat, headers=pod)).content))
        for path in ("rewrap", "revoke"):
            done = await portal.public.post(f"/api/v1/admin/exchange-keys/{path}", json={"reason": "drill"}, headers=admin)
            answers.append((path, done.content))
            assert 200 == done.status_code
        answers += await break_inside(portal, alice, monkeypatch)
        answers += await everything(portal, alice, {**admin, "Tradewind-Tenant": "acme"})
        answers.append(("metrics", generate_latest()))
        answers.append(("resources", json.dumps(list(portal.cluster.objects.values())).encode()))
        answers += [(f"open {file.name}", file.read_bytes()) for file in folder.rglob("*") if file.is_file()]
    answers += [(f"closed {file.name}", file.read_bytes()) for file in folder.rglob("*") if file.is_file()]
    answers.append(("logs", "\n".join(ears.lines).encode()))
    assert {"open trading_bot.duckdb.wal", "closed trading_bot.duckdb"} <= {where for where, _ in answers}
    assert any("request failed" in line for line in ears.lines)
    assert len(PLANTED) >= 100
    assert [] == [hit for where, content in answers for hit in hits(where, content)]


def test_a_canary_would_be_found():
    """In each form that it may take."""
    PLANTED[:] = ["cAnArY-0000-x7Qp2LmZ"]
    raw = PLANTED[0].encode()
    for content in (raw, raw.hex().encode(), *(base64.b64encode(b"z" * shift + raw + b"tail") for shift in range(3))):
        assert 1 == len(hits("x", b"before" + content + b"after")), content
