"""Configuration of containerd, kubelet, kube-proxy and the pod network; `node_init` runs them."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tradewind_cluster.binaries import CONTAINERD, binary, folder
from tradewind_cluster.layout import SERVICE_DNS, Layout

DISABLED_PLUGINS = (
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.blockfile",
    "io.containerd.snapshotter.v1.erofs",
    "io.containerd.differ.v1.erofs",
    "io.containerd.nri.v1.nri",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.internal.v1.tracing",
)
PAUSE_IMAGE = "localhost/pause:1"
# Outside of the state folder by their programs' own decision; each is a folder of ours in the node's mount namespace.
PRIVATE_FOLDERS = ("/run/containerd", "/var/lib/cni", "/var/lib/kubelet")


def containerd_config(layout: Layout) -> str:
    """Return containerd's configuration (TOML, version 3)."""
    state = layout.state
    return f"""version = 3
root = "{state}/containerd/root"
state = "{state}/containerd/state"
disabled_plugins = {json.dumps(DISABLED_PLUGINS)}
[grpc]
  address = "{layout.containerd_socket}"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{PAUSE_IMAGE}"
[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{folder(CONTAINERD)}"]
  conf_dir = "{state}/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "{binary("runc")}"
  Root = "{state}/containerd/runc"
  SystemdCgroup = false
"""


def network_config(layout: Layout) -> dict[str, Any]:
    """Return the pod network: one veth a pod, routed through the node, so that every packet passes the forward hook."""
    subnet = layout.pod_range
    return {
        "cniVersion": "1.0.0",
        "name": "tradewind",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": False,
                "mtu": 1500,
                "ipam": {
                    "type": "host-local",
                    "dataDir": f"{layout.state}/cni-leases",
                    "ranges": [[{"subnet": subnet, "rangeStart": subnet.replace(".0/24", ".10")}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}, "backend": "nftables", "snat": True},
        ],
    }


def kubelet_config(layout: Layout) -> dict[str, Any]:
    """Return the kubelet's configuration for control groups of version 1 and 2, without systemd."""
    pki = layout.state / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": layout.cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "address": layout.address,
        "readOnlyPort": 0,
        "makeIPTablesUtilChains": False,
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "clusterDNS": [SERVICE_DNS],
        "clusterDomain": "cluster.local",
        "resolvConf": "/dev/null",
        "tlsCertFile": f"{pki}/node.crt",
        "tlsPrivateKeyFile": f"{pki}/node.key",
        "maxPods": 200,
        "volumePluginDir": f"{layout.state}/kubelet/plugins",
        "podLogsDir": f"{layout.state}/pod-logs",
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "4s",
    }


def proxy_config(layout: Layout) -> dict[str, Any]:
    """Return kube-proxy's configuration; node ports on the node's address alone."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": f"{layout.state}/proxy.kubeconfig"},
        "hostnameOverride": layout.name,
        "clusterCIDR": layout.pod_range,
        "bindAddress": layout.address,
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "nftables": {"minSyncPeriod": "100ms"},  # a new Service answers at once; the default waits up to a second
        "nodePortAddresses": [f"{layout.address}/32"],
    }


def write_node_config(layout: Layout) -> None:
    """Write all files of the node."""
    (layout.state / "cni").mkdir(exist_ok=True)
    _write(layout.state / "containerd.toml", containerd_config(layout))
    _write(layout.state / "cni/10-tradewind.conflist", json.dumps(network_config(layout)))
    _write(layout.state / "kubelet.json", json.dumps(kubelet_config(layout)))
    _write(layout.state / "proxy.json", json.dumps(proxy_config(layout)))


def config_digest(layout: Layout) -> str:
    """Return a digest of all configuration: a node whose configuration changed is started anew."""
    parts = [containerd_config(layout), network_config(layout), kubelet_config(layout), proxy_config(layout)]
    return hashlib.sha256(json.dumps([parts, node_commands(layout)]).encode()).hexdigest()[:16]


def node_commands(layout: Layout) -> dict[str, list[str]]:
    """Return the daemons inside the node's namespaces, name to command line."""
    state = layout.state
    return {
        "containerd": [str(binary("containerd")), "-c", f"{state}/containerd.toml"],
        "kubelet": [
            str(binary("kubelet")),
            f"--config={state}/kubelet.json",
            f"--kubeconfig={state}/node.kubeconfig",
            f"--root-dir={state}/kubelet",
            f"--hostname-override={layout.name}",
            f"--cert-dir={state}/kubelet/pki",
            f"--node-ip={layout.address}",
        ],
        "kube-proxy": [str(binary("kube-proxy")), f"--config={state}/proxy.json"],
    }


def make_cgroups(layout: Layout) -> None:
    """Make the root control group of the pods, in each hierarchy where there are several (version 1)."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists():
        (root / layout.cgroup.strip("/")).mkdir(exist_ok=True)
        return
    for hierarchy in root.iterdir():
        if not hierarchy.is_dir() or hierarchy.is_symlink() or not (hierarchy / "cgroup.procs").exists():
            continue
        group = hierarchy / layout.cgroup.strip("/")
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            if (hierarchy / name).exists() and not (group / name).read_text().strip():
                (group / name).write_text((hierarchy / name).read_text())


def _write(path: Path, content: str) -> None:
    path.write_text(content)
