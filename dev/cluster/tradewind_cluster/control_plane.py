"""Command lines of etcd, API server, controller manager and scheduler."""

import json
import socket
from dataclasses import asdict, dataclass

from tradewind_cluster.binaries import binary
from tradewind_cluster.layout import SERVICE_RANGE, Layout
from tradewind_cluster.preflight import check_port, is_free

PORTS_FILE = "ports.json"


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of the control plane. A node's namespace is its own, so they are fixed there; else free ones are taken once."""

    api: int = 6443
    etcd: int = 2379
    etcd_peer: int = 2380
    controller_manager: int = 10257
    scheduler: int = 10259


def ports(layout: Layout) -> Ports:
    """Return the cluster's ports, as `choose_ports` wrote them down."""
    return Ports() if layout.node else Ports(**json.loads((layout.state / PORTS_FILE).read_text()))


def choose_ports(layout: Layout, api: int = 0, *, running: bool = False) -> Ports:
    """Return the cluster's ports: those of its last start, unless others took them since.

    The API server's is `api`, any where that is 0. `running` says that what listens on the old ports is the cluster itself.
    """
    if layout.node:
        return Ports()
    file = layout.state / PORTS_FILE
    if file.exists():
        before = ports(layout)
        if api in {0, before.api} and (running or all(map(is_free, asdict(before).values()))):
            return before
    if api:
        check_port(api)
    sockets = [socket.create_server(("127.0.0.1", port)) for port in (api, 0, 0, 0, 0)]
    chosen = Ports(*(s.getsockname()[1] for s in sockets))
    for s in sockets:
        s.close()
    file.write_text(json.dumps(asdict(chosen)))
    return chosen


def commands(layout: Layout) -> dict[str, list[str]]:
    """Return the daemons of the control plane, name to command line."""
    state, pki, port = layout.state, layout.state / "pki", ports(layout)
    etcd, peer = f"http://127.0.0.1:{port.etcd}", f"http://127.0.0.1:{port.etcd_peer}"
    return {
        "etcd": [
            str(binary("etcd")),
            f"--data-dir={state}/etcd",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        "kube-apiserver": [
            str(binary("kube-apiserver")),
            f"--etcd-servers={etcd}",
            f"--bind-address={'0.0.0.0' if layout.node else '127.0.0.1'}",  # noqa: S104 - a namespace of its own
            f"--advertise-address={layout.address}",
            f"--secure-port={port.api}",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            f"--client-ca-file={pki}/ca.crt",
            f"--service-account-key-file={pki}/service-accounts.pub",
            f"--service-account-signing-key-file={pki}/service-accounts.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet.key",
            f"--kubelet-certificate-authority={pki}/ca.crt",
            "--kubelet-preferred-address-types=InternalIP",
            f"--requestheader-client-ca-file={pki}/ca.crt",
            "--requestheader-allowed-names=front-proxy",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki}/front-proxy.crt",
            f"--proxy-client-key-file={pki}/front-proxy.key",
            "--allow-privileged=true",
        ],
        "kube-controller-manager": [
            str(binary("kube-controller-manager")),
            f"--kubeconfig={state}/controller-manager.kubeconfig",
            f"--service-account-private-key-file={pki}/service-accounts.key",
            f"--root-ca-file={pki}/ca.crt",
            "--use-service-account-credentials",
            f"--cluster-cidr={layout.pod_range}",
            f"--cluster-signing-cert-file={pki}/ca.crt",
            f"--cluster-signing-key-file={pki}/ca.key",
            "--leader-elect=false",
            "--kube-api-qps=300",  # the default of 20 alone costs 4 s at start-up, and minutes with thousands of bots
            "--kube-api-burst=600",
            "--bind-address=127.0.0.1",
            f"--secure-port={port.controller_manager}",
        ],
        "kube-scheduler": [
            str(binary("kube-scheduler")),
            f"--kubeconfig={state}/scheduler.kubeconfig",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
            f"--secure-port={port.scheduler}",
        ],
    }
