"""A cluster survives the end of any of its processes, lives beside another, and leaves nothing."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tradewind_cluster import cluster, teardown, temporary
from tradewind_cluster.layout import ClusterError, Layout
from tradewind_cluster.options import read_options
from tradewind_cluster.supervisor import daemons

Kubectl = Callable[..., str]
SERVER = "import http.server; http.server.ThreadingHTTPServer(('', 8080), http.server.SimpleHTTPRequestHandler).serve_forever()"
ASLEEP = "import time; time.sleep(10000)"


def eventually(test: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)


def processes(where: Layout, program: str) -> list[int]:
    """The cluster's processes of a program."""
    found = []
    for pid in teardown.marked_processes(where):
        try:
            if Path(f"/proc/{pid}/comm").read_text().strip() == program[:15]:
                found.append(pid)
        except OSError:
            continue
    return found


def pod_works(kubectl: Kubectl, namespace: str, name: str) -> bool:
    return kubectl("exec", name, "-n", namespace, "--", "echo", "alive", check=False).strip() == "alive"


@pytest.mark.parametrize("program", ["containerd", "kubelet", "kube-proxy"])
def test_a_killed_daemon_of_the_node_comes_back_without_a_container_restarted(
    program: str, kubectl: Kubectl, python_pod: Callable[..., dict[str, Any]], namespace: str, node_cluster: Layout
) -> None:
    """Containers belong to their shims, and live on."""
    before = python_pod(namespace, "pod", ASLEEP)["status"]["containerStatuses"][0]["containerID"]
    (old,) = processes(node_cluster, program)
    os.kill(old, signal.SIGKILL)
    eventually(lambda: processes(node_cluster, program) not in ([], [old]))
    eventually(lambda: pod_works(kubectl, namespace, "pod"))
    after = json.loads(kubectl("get", "pod", "pod", "-n", namespace, "-o", "json"))["status"]["containerStatuses"][0]
    assert (before, 0) == (after["containerID"], after["restartCount"])


@pytest.mark.parametrize("name", ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "attendant"])
def test_a_killed_daemon_of_the_control_plane_comes_back(
    name: str, kubectl: Kubectl, python_pod: Callable[..., dict[str, Any]], namespace: str, node_cluster: Layout
) -> None:
    """The supervisor starts it again, and a new pod runs, which needs all of them."""
    daemon = next(d for d in daemons(node_cluster, read_options(node_cluster.state)) if d.name == name)
    old = daemon.pid()
    assert old is not None
    os.kill(old, signal.SIGKILL)
    eventually(lambda: daemon.pid() not in {None, old})
    eventually(lambda: kubectl("get", "--raw=/readyz", check=False) == "ok")
    python_pod(namespace, "pod", ASLEEP)
    assert pod_works(kubectl, namespace, "pod")


def test_up_converges_after_the_supervisor_and_the_whole_node_were_killed(
    kubectl: Kubectl, python_pod: Callable[..., dict[str, Any]], namespace: str, node_cluster: Layout
) -> None:
    """Nobody is left to start the node again but `up`; what is stored is there, and pods are started anew."""
    kubectl("create", "deployment", "keeper", "-n", "default", "--image=localhost/none", "--replicas=0")
    supervisor = cluster.supervisor_pid(node_cluster)
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    teardown.kill_all(node_cluster)
    cluster.up(node_cluster, print)
    assert "deployment.apps/keeper" in kubectl("get", "deployments", "-n", "default", "-o", "name")
    kubectl("delete", "deployment", "keeper", "-n", "default")
    python_pod(namespace, "pod", ASLEEP)
    assert pod_works(kubectl, namespace, "pod")


def test_up_converges_after_a_killed_up(node_cluster: Layout, kubectl: Kubectl) -> None:
    """Wherever the first one was cut, the second ends with a working cluster."""
    for pause in (0.05, 0.4):
        teardown.kill_all(node_cluster)
        child = os.fork()
        if child == 0:  # the one that is killed
            try:
                cluster.up(node_cluster, lambda _: None)
            finally:
                os._exit(1)
        time.sleep(pause)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        cluster.up(node_cluster, print)
        assert "ok" == kubectl("get", "--raw=/readyz")


def test_the_way_in_is_a_port_of_this_machine_alone(
    kubectl: Kubectl, python_pod: Callable[..., dict[str, Any]], namespace: str, node_cluster: Layout
) -> None:
    """A node port is forwarded from 127.0.0.1, is kept by the next `up`, and is refused when it is taken."""
    python_pod(namespace, "server", SERVER)
    port = {"port": 80, "targetPort": 8080, "nodePort": 30123}
    spec = {"type": "NodePort", "selector": {"app": "server"}, "ports": [port]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": "server"}, "spec": spec}
    kubectl("apply", "-f", "-", stdin=service)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        here = taken.getsockname()[1]
        with pytest.raises(ClusterError, match=f"port {here} of 127.0.0.1 is taken"):
            cluster.up(node_cluster, print, forward={here: 30123})
    cluster.up(node_cluster, print, forward={here: 30123})
    eventually(lambda: _status(here) == 200)
    cluster.up(node_cluster, print)
    eventually(lambda: _status(here) == 200)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((node_cluster.host_address, here), timeout=3)


def _status(port: int) -> int | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def of_the_machine() -> dict[str, set[str]]:
    """What a cluster could leave behind."""

    def lines(*command: str) -> set[str]:
        return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines())

    return {
        "mounts": {line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()},
        "links": {line.split()[0] for line in lines("ip", "-brief", "link")},
        "addresses": {line.split()[3] for line in lines("ip", "-oneline", "addr")},
        "namespaces": {file.name for file in Path("/run/netns").glob("*")},
        "tables": lines("nft", "list", "tables"),
        "groups": {str(path) for path in Path("/sys/fs/cgroup").glob("**/tradewind-*")},
        "folders": {str(path) for path in (Path("/run/containerd"), Path("/var/lib/cni")) for path in path.glob("*")},
    }


def test_a_second_cluster_runs_beside_and_leaves_nothing(kubectl: Kubectl, node_cluster: Layout) -> None:
    """Its own everything; after `down` the machine is as before and the first cluster works on."""
    before = of_the_machine()
    with temporary.node_cluster(suffix="b") as second:
        assert second.address != node_cluster.address
        during = of_the_machine()
        assert during["links"] - before["links"]
        assert before["tables"] == during["tables"]
    after = of_the_machine()
    assert before == after
    assert [] == teardown.marked_processes(second)
    assert not second.state.exists()
    assert "ok" == kubectl("get", "--raw=/readyz")


def test_down_that_keeps_state_is_followed_by_an_up_that_has_it(kubectl: Kubectl, node_cluster: Layout, namespace: str) -> None:
    """`down --keep` ends every process, but not what is stored."""
    cluster.down(node_cluster, keep=True)
    assert [] == teardown.marked_processes(node_cluster)
    cluster.up(node_cluster, print)
    assert f"namespace/{namespace}\n" == kubectl("get", "namespace", namespace, "-o", "name")
