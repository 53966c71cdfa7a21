"""The portal's application in the test's own loop: real sockets, a real database file, and a cluster in memory.

Only the API server is stood in for; tests/cluster has the real one.
"""

import asyncio
import base64
import copy
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr

from tradewind_api.plan import SHIPPED_PLANS
from tradewind_api.runner import ExchangeConfig
from tradewind_portal.__main__ import make_services
from tradewind_portal.application import internal_app, public_app
from tradewind_portal.audit.gate import AuditGate
from tradewind_portal.auth.passwords import Passwords
from tradewind_portal.cluster.live import FIELD_MANAGER
from tradewind_portal.cluster.port import Kind, Object, PodIdentity
from tradewind_portal.edge import Edge
from tradewind_portal.keys.verifying import Secrets, Verifier
from tradewind_portal.services import Services
from tradewind_portal.serving import listen, server_for
from tradewind_portal.settings import Settings
from tradewind_portal.store import Store

ADMIN_PASSWORD = "correct-horse-battery"
KEY = "k" * 48


@dataclass
class MemoryCluster:
    """Keeps objects as the API server would, without schema, quota or policy; `tokens` are what TokenReview would say."""

    objects: dict[tuple[Kind, str, str], Object] = field(default_factory=dict)
    pods: dict[tuple[str, str], Object] = field(default_factory=dict)
    tokens: dict[str, PodIdentity] = field(default_factory=dict)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        for name, plan in SHIPPED_PLANS.items():
            spec = plan.model_dump(mode="json", by_alias=True)
            spec["limits"]["requestsPerMinute"] = 100_000
            self.put(Kind.PLAN, {"metadata": {"name": name}, "spec": spec})

    def put(self, kind: Kind, body: Object, namespace: str = "") -> Object:
        key = (kind, namespace, body["metadata"]["name"])
        before, number = self.objects.get(key), next(self.numbers)
        item = copy.deepcopy(body)
        metadata = item["metadata"]
        changed = before is None or before["spec"] != item["spec"]
        generation = before["metadata"]["generation"] + changed if before else 1
        owned = {f"f:{name}": {} for name in item["spec"]}
        metadata.update(
            uid=before["metadata"]["uid"] if before else f"uid-{number}",
            generation=generation,
            resourceVersion=str(number),
            creationTimestamp="2025-01-01T00:00:00Z",
            managedFields=[{"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": {"f:spec": owned}}],
        )
        if namespace:
            metadata["namespace"] = namespace
        item.setdefault("status", copy.deepcopy(before.get("status", {})) if before else {})
        self.objects[key] = item
        return item

    def cached(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        return self.objects.get((kind, namespace or "", name))

    def cached_all(self, kind: Kind, namespace: str | None = None) -> list[Object]:
        keys = sorted((key for key in self.objects if key[0] is kind), key=lambda key: key[1:])
        return [self.objects[key] for key in keys if namespace is None or key[1] == namespace]

    def watch_age_s(self) -> dict[str, float]:
        return {kind.plural: 0.0 for kind in Kind}

    async def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object | None:
        return copy.deepcopy(self.cached(kind, name, namespace))

    async def apply(self, kind: Kind, body: Object, *, namespace: str | None = None, force: bool = False) -> Object:
        item = self.put(kind, body, namespace or "")
        if kind is Kind.TENANT:
            item["status"] = {"namespace": f"tw-{body['metadata']['name']}-test"}
        return copy.deepcopy(item)

    async def delete(self, kind: Kind, name: str, *, namespace: str | None = None, uid: str | None = None) -> bool:
        return self.objects.pop((kind, namespace or "", name), None) is not None

    async def annotate(self, kind: Kind, name: str, namespace: str, annotations: dict[str, str | None], *, uid: str) -> None:
        item = self.objects[kind, namespace, name]
        assert item["metadata"]["uid"] == uid
        merged = {**item["metadata"].get("annotations", {}), **annotations}
        item["metadata"]["annotations"] = {key: value for key, value in merged.items() if value is not None}

    async def review_token(self, token: str, audience: str) -> PodIdentity | None:
        return self.tokens.get(token)

    async def pod(self, namespace: str, name: str) -> Object | None:
        return self.pods.get((namespace, name))

    def run_pod(self, namespace: str, name: str, labels: dict[str, str]) -> dict[str, str]:
        """Make a pod with a token; return the headers of its requests."""
        uid = f"pod-{next(self.numbers)}"
        self.pods[namespace, name] = {"metadata": {"uid": uid, "labels": labels}}
        self.tokens[uid] = PodIdentity(namespace, "runner", name, uid)
        return {"Authorization": f"Bearer {uid}"}


@dataclass
class ToldVerifier(Verifier):
    """Answers as the process that asks the exchange would; tests/tradewind_portal/test_verify.py has the process."""

    answer: dict[str, Any] = field(default_factory=lambda: {"canTrade": True, "canWithdraw": False, "warnings": []})

    def __post_init__(self) -> None:
        super().__init__()

    async def ask(self, exchange: ExchangeConfig, key: Secrets) -> dict[str, Any]:
        return self.answer


@dataclass
class Running:
    """Both applications, served."""

    public: httpx2.AsyncClient
    internal: httpx2.AsyncClient
    services: Services
    cluster: MemoryCluster
    verifier: ToldVerifier
    folder: Path

    async def log_in(self, user: str = "admin", password: str = ADMIN_PASSWORD) -> dict[str, str]:
        """Return the headers of a session."""
        answer = await self.public.post("/api/v1/auth/login", json={"user": user, "password": password})
        assert answer.status_code == 200, answer.text
        cookie = "; ".join(header.partition(";")[0] for header in answer.headers.get_list("set-cookie"))
        return {"Cookie": cookie, "Tradewind-Request": "1"}

    async def token(self, session: dict[str, str], **body: Any) -> dict[str, str]:
        """Return the headers of a new personal access token."""
        answer = await self.public.post("/api/v1/tokens", json={"name": "test", **body}, headers=session)
        assert answer.status_code == 201, answer.text
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    async def tenant(self, name: str, admin: dict[str, str]) -> dict[str, str]:
        """Make a tenant and return the headers of its owner's session."""
        owner = {"user": f"{name}-owner", "password": ADMIN_PASSWORD}
        answer = await self.public.post(
            "/api/v1/admin/tenants", json={"name": name, "plan": "pro", "owner": owner}, headers=admin
        )
        assert answer.status_code == 201, answer.text
        return await self.log_in(f"{name}-owner")


@asynccontextmanager
async def running_portal(folder: Path, *, asks: Verifier | None = None, **settings: Any) -> AsyncIterator[Running]:
    """Serve both applications on free ports over a database in `folder`; `asks` asks real exchanges about keys."""
    kek_file = folder.with_name("kek.json")
    if not kek_file.exists():
        kek_file.write_text(json.dumps({"k1": base64.b64encode(b"1" * 32).decode()}))
    chosen = Settings(
        data_dir=folder,
        jwt_keys={"test": SecretStr(KEY)},
        **{
            "exchanges": [ExchangeConfig(name="simulated", ccxt_id="binance")],
            "login_attempts_per_minute": 10_000,
            "kek_file": kek_file,
            **settings,
        },
    )
    store = Store(folder)
    store.start()
    cluster = MemoryCluster()
    verifier = ToldVerifier()
    passwords = Passwords(memory_mib=1)  # 64 take a quarter of a second
    services = make_services(chosen, store, cluster, passwords, asks or verifier)
    await services.auth.ensure_admin("admin", ADMIN_PASSWORD)
    apps = [Edge(public_app(services), before_answer=AuditGate(store)), Edge(internal_app(services))]
    servers = [(server_for(app), listen("127.0.0.1", 0)) for app in apps]
    tasks = [asyncio.create_task(server.serve(sockets=[sock])) for server, sock in servers]
    urls = [f"http://127.0.0.1:{sock.getsockname()[1]}" for _, sock in servers]
    try:
        async with httpx2.AsyncClient(base_url=urls[0], timeout=30) as public, httpx2.AsyncClient(base_url=urls[1]) as internal:
            yield Running(public, internal, services, cluster, verifier, folder)
    finally:
        for server, _ in servers:
            server.should_exit = True
        await asyncio.gather(*tasks)
        services.auth.passwords.close()
        await store.close()
