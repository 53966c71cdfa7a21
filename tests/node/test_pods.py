"""Pods run, are found by name, and reach what no policy forbids and nothing else."""

import json
from collections.abc import Callable
from typing import Any

Kubectl = Callable[..., str]
Pod = Callable[..., dict[str, Any]]

SERVER = "import http.server; http.server.ThreadingHTTPServer(('', 8080), http.server.BaseHTTPRequestHandler).serve_forever()"
ASLEEP = "import time; time.sleep(10000)"
# Prints what became of a connection: `open`, `refused` (a reset), `silent` (dropped) or `unknown` (no such name).
REACH = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).close(); print("open")
except ConnectionRefusedError: print("refused")
except TimeoutError: print("silent")
except socket.gaierror: print("unknown")
"""


def reach(kubectl: Kubectl, namespace: str, pod: str, host: str, port: int) -> str:
    return kubectl("exec", "-n", namespace, pod, "--", "python3", "-c", REACH, host, str(port)).strip()


def service(namespace: str, name: str) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name}, "spec": spec}


def test_a_restricted_pod_runs_and_its_output_is_read(kubectl: Kubectl, python_pod: Pod, namespace: str) -> None:
    """Logs and exec pass through the API server to the kubelet."""
    python_pod(namespace, "hello", "import os, time; print('uid', os.getuid()); time.sleep(10000)")
    eventually(lambda: kubectl("logs", "hello", "-n", namespace) != "")  # it runs before its interpreter has started
    assert "uid 10001\n" == kubectl("logs", "hello", "-n", namespace)
    version = kubectl("exec", "hello", "-n", namespace, "--", "python3", "-c", "import sys; print(sys.version_info >= (3, 11))")
    assert "True\n" == version


def test_a_service_is_reached_by_its_name(kubectl: Kubectl, python_pod: Pod, namespace: str) -> None:
    """DNS, kube-proxy and the pod network together; a pod also reaches itself through its own service."""
    python_pod(namespace, "server", SERVER)
    python_pod(namespace, "client", ASLEEP)
    kubectl("apply", "-f", "-", stdin=service(namespace, "server"))
    eventually(lambda: reach(kubectl, namespace, "client", f"server.{namespace}.svc", 80) == "open")
    assert "open" == reach(kubectl, namespace, "server", f"server.{namespace}.svc", 80)
    assert "unknown" == reach(kubectl, namespace, "client", "nowhere.invalid", 80)


def test_a_default_deny_policy_refuses_and_an_allowance_opens(kubectl: Kubectl, python_pod: Pod, namespace: str) -> None:
    """Both ways round, each refusal beside a connection that works."""
    server = python_pod(namespace, "server", SERVER)["status"]["podIP"]
    python_pod(namespace, "friend", ASLEEP)
    python_pod(namespace, "stranger", ASLEEP)
    assert "open" == reach(kubectl, namespace, "stranger", server, 8080)

    deny = policy(namespace, "deny", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    into = {
        "podSelector": {"matchLabels": {"app": "server"}},
        "ingress": [{"from": [chosen("friend")], "ports": [{"port": 8080}]}],
    }
    out_of = {
        "podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["friend", "stranger"]}]},
        "policyTypes": ["Egress"],
        "egress": [{"to": [chosen("server")]}],
    }
    kubectl("apply", "-f", "-", stdin=listed(deny, policy(namespace, "in", into), policy(namespace, "out", out_of)))

    eventually(lambda: reach(kubectl, namespace, "stranger", server, 8080) == "refused")
    assert "open" == reach(kubectl, namespace, "friend", server, 8080)
    assert "refused" == reach(kubectl, namespace, "friend", server, 8081)  # nobody listens there either
    assert "refused" == reach(kubectl, namespace, "friend", "10.96.0.1", 443)  # the API server, not among the allowed


def test_the_api_server_and_the_nodes_own_listeners_obey_policies_too(
    kubectl: Kubectl, python_pod: Pod, namespace: str, node_cluster: Any
) -> None:
    """Packets to the node do not pass the forward hook: they have rules of their own."""
    python_pod(namespace, "pod", ASLEEP)
    assert "open" == reach(kubectl, namespace, "pod", "10.96.0.1", 443)
    assert "open" == reach(kubectl, namespace, "pod", node_cluster.address, 10250)
    deny = {"podSelector": {}, "policyTypes": ["Egress"]}
    kubectl("apply", "-f", "-", stdin=policy(namespace, "deny", deny))
    eventually(lambda: reach(kubectl, namespace, "pod", "10.96.0.1", 443) == "refused")
    assert "refused" == reach(kubectl, namespace, "pod", node_cluster.address, 10250)


def test_a_pod_never_reaches_a_forbidden_target_at_its_start(
    kubectl: Kubectl, python_image: str, python_pod: Pod, namespace: str
) -> None:
    """From its very first packet: pods that try at once, and again and again, only ever fail."""
    server = python_pod(namespace, "server", SERVER)["status"]["podIP"]
    deny = {"podSelector": {"matchLabels": {"kind": "hasty"}}, "policyTypes": ["Egress"]}
    kubectl("apply", "-f", "-", stdin=policy(namespace, "deny", deny))
    program = f"""
import socket, time
reached, end = 0, time.monotonic() + 2
while time.monotonic() < end:
    try: socket.create_connection(("{server}", 8080), timeout=0.1).close(); reached += 1
    except OSError: time.sleep(0.002)
print("reached", reached)
"""
    container = {
        "name": "main",
        "image": python_image,
        "imagePullPolicy": "Never",
        "command": ["python3", "-u", "-c", program],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "restartPolicy": "Never",
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    names = [f"hasty-{number}" for number in range(4)] + ["control"]
    for name in names:
        labels = {"kind": "hasty" if name != "control" else "control"}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": spec,
        }
        kubectl("apply", "-f", "-", stdin=pod)
    phase = "--for=jsonpath={.status.phase}=Succeeded"
    kubectl("wait", phase, "-n", namespace, "--timeout=60s", *(f"pod/{name}" for name in names))
    outputs = {name: kubectl("logs", name, "-n", namespace).strip() for name in names}
    assert outputs.pop("control") != "reached 0"
    assert {"reached 0"} == set(outputs.values())


def test_a_pod_cannot_send_in_anothers_name(kubectl: Kubectl, python_image: str, python_pod: Pod, namespace: str) -> None:
    """Even with raw sockets, which restricted pods have not: a forged sender is dropped, a true one arrives."""
    listen = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("", 5000))
while True: data, sender = s.recvfrom(100); print(data.decode(), "from", sender[0])
"""
    server = python_pod(namespace, "server", listen)["status"]["podIP"]
    friend = python_pod(namespace, "friend", ASLEEP)["status"]["podIP"]
    forge = f"""
import socket, struct, sys, time
def send(sender, text):
    udp = struct.pack(">4H", 4000, 5000, 8 + len(text), 0) + text
    ends = socket.inet_aton(sender) + socket.inet_aton("{server}")
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + ends
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    raw.sendto(ip + udp, ("{server}", 0))
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); own.connect(("{server}", 1)); me = own.getsockname()[0]
for _ in range(20): send("{friend}", b"forged"); send("8.8.8.8", b"forged"); send(me, b"true"); time.sleep(0.1)
"""
    container = {
        "name": "main",
        "image": python_image,
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", forge],
        "securityContext": {"capabilities": {"add": ["NET_RAW"]}},
    }
    name = f"forger-{namespace}"
    spec = {"restartPolicy": "Never", "containers": [container]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": spec}
    kubectl("apply", "-f", "-", stdin=pod)
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", "--timeout=60s")
    received = kubectl("logs", "server", "-n", namespace)
    kubectl("delete", "pod", name)
    assert "true from" in received
    assert "forged" not in received


def policy(namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    return {**kind, "metadata": {"namespace": namespace, "name": name}, "spec": spec}


def chosen(app: str) -> dict[str, Any]:
    return {"podSelector": {"matchLabels": {"app": app}}}


def listed(*items: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def eventually(test: Callable[[], bool], seconds: float = 20) -> None:
    import time

    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)


def test_a_terminated_pods_message_is_read(kubectl: Kubectl, python_image: str, namespace: str) -> None:
    """The receipt of a bot and the summary of a backtest come this way."""
    program = "open('/dev/termination-log', 'w').write('{\"code\": 65}'); raise SystemExit(65)"
    container = {
        "name": "main",
        "image": python_image,
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", program],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "restartPolicy": "Never",
        "containers": [container],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ends", "namespace": namespace}, "spec": spec}
    kubectl("apply", "-f", "-", stdin=pod)
    kubectl("wait", "--for=jsonpath={.status.phase}=Failed", "pod/ends", "-n", namespace, "--timeout=60s")
    status = json.loads(kubectl("get", "pod", "ends", "-n", namespace, "-o", "json"))["status"]
    ended = status["containerStatuses"][0]["state"]["terminated"]
    assert (65, '{"code": 65}') == (ended["exitCode"], ended["message"])
