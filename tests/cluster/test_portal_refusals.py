"""What the API server refuses, as the portal's people read it; and who gets in at the runner side."""
# ruff: noqa: F811 - fixtures are imported by name

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from portal_cluster import (  # noqa: F401 - fixtures
    BOT_SPEC,
    GROUP,
    MERGE,
    Customer,
    become_operator,
    kubeconfig,
    make_pod,
    new_customer,
    portal,
    wait_for,
)
from portal_process import PortalProcess, log_in, make_token

from tradewind_cluster.api import Api

HELLO = {"generation": 1, "strategyDigest": "s", "runnerVersion": "0"}
ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@pytest.fixture(scope="module")
def mine(new_customer: Callable[..., Customer]) -> Customer:
    return new_customer("refusals")


def post(portal: PortalProcess, who: Customer, name: str, **change: Any) -> httpx2.Response:
    body = {"metadata": {"name": name}, "spec": {**BOT_SPEC, **change}}
    return httpx2.post(f"{portal.public}/api/v1/bots", json=body, headers=who.headers)


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"symbols": ["BTC/EUR"]}, "/spec/symbols", "every symbol must be quoted in capital.currency"),
        ({"mode": "Live"}, "/spec", "a live bot needs credentials"),
        ({"credentials": "key"}, "/spec/credentials", "credentials are for live bots only"),
        ({"strategy": {}}, "/spec/strategy", "set exactly one of template, document and ref"),
    ],
)
def test_a_rule_of_the_api_server_is_pointed_at(
    portal: PortalProcess, mine: Customer, change: dict[str, Any], pointer: str, words: str
) -> None:
    """422 with the rule's own words."""
    answer = post(portal, mine, "bad", **change)
    assert 422 == answer.status_code, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]], answer.text
    assert words in answer.json()["detail"]


def test_the_exchange_cannot_be_changed(portal: PortalProcess, api: Api, mine: Customer) -> None:
    """A transition rule, found by PUT only; a bot made with kubectl on an exchange that is offered no more."""
    manifest = {
        "apiVersion": "tradewind.dev/v1alpha1",
        "kind": "TradingBot",
        "metadata": {"name": "elsewhere", "namespace": mine.namespace},
        "spec": {**BOT_SPEC, "exchange": "binance"},
    }
    api.call("POST", f"{GROUP}/namespaces/{mine.namespace}/tradingbots", manifest)
    body = {"metadata": {"name": "elsewhere"}, "spec": BOT_SPEC}
    answer = httpx2.put(f"{portal.public}/api/v1/bots/elsewhere", json=body, headers={**mine.headers, "If-Match": "*"})
    assert (422, ["/spec/exchange"]) == (answer.status_code, [error["pointer"] for error in answer.json()["errors"]])
    assert "exchange cannot be changed: make another bot" in answer.json()["detail"]


def test_a_used_up_quota_says_how_many(portal: PortalProcess, api: Api, new_customer: Callable[..., Customer]) -> None:
    """403 with limit and use; what is there stays as it is."""
    tenant = new_customer("quota")
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "plan", "namespace": tenant.namespace},
        "spec": {"hard": {"count/tradingbots.tradewind.dev": "1"}},
    }
    place = f"/api/v1/namespaces/{tenant.namespace}/resourcequotas"
    api.call("POST", place, quota)

    def counted() -> bool:
        found = api.call("GET", f"{place}/plan")
        if "used" not in found.get("status", {}):  # made too soon after the definition: changing it makes it count
            api.call("PATCH", f"{place}/plan", {"spec": {"hard": {"count/tradingbots.tradewind.dev": "2"}}}, content_type=MERGE)
            api.call("PATCH", f"{place}/plan", {"spec": {"hard": {"count/tradingbots.tradewind.dev": "1"}}}, content_type=MERGE)
            return False
        return bool(found["status"]["hard"] == {"count/tradingbots.tradewind.dev": "1"})

    wait_for(counted, 120)
    wait_for(lambda: post(portal, tenant, "first").status_code in {201, 409}, 60)
    answer = wait_for(lambda: (got := post(portal, tenant, "second")).status_code != 503 and got, 60)
    assert (403, "QuotaExceeded") == (answer.status_code, answer.json()["code"]), answer.text
    assert {"limit": "1", "used": "1", "resource": "tradingbots"} == {
        name: answer.json()[name] for name in ("limit", "used", "resource")
    }
    assert "the tenant's plan allows 1 tradingbots, 1 exist" in answer.json()["detail"]


def test_an_admission_policy_speaks_for_itself(portal: PortalProcess, api: Api, mine: Customer) -> None:
    """403 with the policy's message and the field it names."""
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "portal-test"},
        "spec": {
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["tradewind.dev"],
                        "apiVersions": ["*"],
                        "operations": ["CREATE"],
                        "resources": ["tradingbots"],
                    }
                ]
            },
            "validations": [
                {
                    "expression": "object.spec.symbols.size() < 2",
                    "message": "plan free allows one symbol (spec.symbols)",
                    "reason": "Forbidden",
                }
            ],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "portal-test"},
        "spec": {
            "policyName": "portal-test",
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": mine.namespace}}},
        },
    }
    api.apply(f"{ADMISSION}/validatingadmissionpolicies/portal-test", policy)
    api.apply(f"{ADMISSION}/validatingadmissionpolicybindings/portal-test", binding)

    def refused() -> httpx2.Response | None:
        answer = post(portal, mine, "two", symbols=["BTC/USDT", "ETH/USDT"])
        if answer.status_code == 201:
            httpx2.delete(f"{portal.public}/api/v1/bots/two", headers={**mine.headers, "If-Match": "*"})
            return None
        return answer

    answer = wait_for(refused)
    assert (403, "PolicyDenied") == (answer.status_code, answer.json()["code"]), answer.text
    assert "plan free allows one symbol (spec.symbols)" == answer.json()["detail"]
    assert ["/spec/symbols"] == [error["pointer"] for error in answer.json()["errors"]]


def test_two_managers_each_keep_what_they_set(portal: PortalProcess, api: Api, mine: Customer) -> None:
    """A GitOps tool owns the risk limits; pausing here leaves them, and the tool can apply again without a conflict."""
    assert 201 == post(portal, mine, "shared").status_code
    place = f"{GROUP}/namespaces/{mine.namespace}/tradingbots/shared"
    theirs = {
        "apiVersion": "tradewind.dev/v1alpha1",
        "kind": "TradingBot",
        "metadata": {"name": "shared", "namespace": mine.namespace},
        "spec": {"risk": {"maxOpenOrders": 3}},
    }
    api.call("PATCH", f"{place}?fieldManager=argocd&force=true", theirs, content_type="application/apply-patch+yaml")
    read = httpx2.get(f"{portal.public}/api/v1/bots/shared", headers=mine.headers)
    headers = {**mine.headers, "If-Match": read.headers["ETag"]}
    paused = httpx2.patch(f"{portal.public}/api/v1/bots/shared", json={"spec": {"runPolicy": "Paused"}}, headers=headers)
    assert (200, "Paused", 3) == (
        paused.status_code,
        paused.json()["spec"]["runPolicy"],
        paused.json()["spec"]["risk"]["maxOpenOrders"],
    ), paused.text
    theirs["spec"] = {"risk": {"maxOpenOrders": 4}}
    api.call("PATCH", f"{place}?fieldManager=argocd&force=false", theirs, content_type="application/apply-patch+yaml")


def test_a_change_by_kubectl_is_seen_and_told_of(portal: PortalProcess, api: Api, mine: Customer) -> None:
    """The list has the bot, the audit log has the field manager."""
    manifest = {
        "apiVersion": "tradewind.dev/v1alpha1",
        "kind": "TradingBot",
        "metadata": {"name": "by-hand", "namespace": mine.namespace},
        "spec": BOT_SPEC,
    }
    api.call("POST", f"{GROUP}/namespaces/{mine.namespace}/tradingbots?fieldManager=kubectl-create", manifest)

    def told() -> bool:
        names = [item["metadata"]["name"] for item in get(portal, mine, "/bots?limit=200")["items"]]
        rows = [(row["actor"], row["action"]) for row in get(portal, mine, "/audit?limit=200")["items"]]
        return "by-hand" in names and ("kubectl-create", "TradingBot.created") in rows

    wait_for(told)


def get(portal: PortalProcess, who: Customer, path: str) -> dict[str, Any]:
    answer = httpx2.get(f"{portal.public}/api/v1{path}", headers=who.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_tenant_made_with_kubectl_gets_its_owner_here(portal: PortalProcess, api: Api) -> None:
    """The resource is taken over as it is."""
    tenant = {
        "apiVersion": "tradewind.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": "byhand"},
        "spec": {"plan": "basic"},
    }
    api.call("POST", f"{GROUP}/tenants", tenant)
    body = {"name": "byhand", "plan": "basic", "owner": {"user": "hand-owner"}}
    admin = log_in(portal)
    made = httpx2.post(f"{portal.public}/api/v1/admin/tenants", json=body, headers=admin)
    assert 201 == made.status_code, made.text
    become_operator(api, "byhand")
    owner = make_token(portal, log_in(portal, "hand-owner", made.json()["password"]))
    assert 200 == httpx2.get(f"{portal.public}/api/v1/bots", headers=owner).status_code
    again = httpx2.post(f"{portal.public}/api/v1/admin/tenants", json={**body, "owner": {"user": "thief"}}, headers=admin)
    assert (409, "AlreadyExists") == (again.status_code, again.json()["code"])


def test_only_a_token_of_the_pod_for_the_portal_gets_in(portal: PortalProcess, api: Api, mine: Customer) -> None:
    """Audience, binding and life of the pod are the API server's word."""
    uid = post(portal, mine, "guarded").json()["metadata"]["uid"]

    def start(headers: dict[str, str]) -> int:
        return httpx2.post(f"{portal.internal}/runner/v1/start", json=HELLO, headers=headers).status_code

    assert 200 == start(mine.pod("bot", "guarded", uid, "guarded-0"))
    assert 401 == start(mine.pod("bot", "guarded", uid, "guarded-1", audience="https://other"))
    assert 403 == start(mine.pod("bot", "guarded", "00000000-0000-0000-0000-000000000000", "guarded-2"))
    assert 403 == start(make_pod(api, mine.namespace, "plain", {}))
    unbound = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"audiences": ["tradewind-portal"], "expirationSeconds": 3600},
    }
    token = api.call("POST", f"/api/v1/namespaces/{mine.namespace}/serviceaccounts/guarded-0/token", unbound)["status"]["token"]
    assert 401 == start({"Authorization": f"Bearer {token}"})
    gone = mine.pod("bot", "guarded", uid, "guarded-3")
    api.call("DELETE", f"/api/v1/namespaces/{mine.namespace}/pods/guarded-3", {"gracePeriodSeconds": 0})
    wait_for(lambda: start(gone) == 401)
    assert 401 == start(mine.headers), "a person's token is no pod's"
