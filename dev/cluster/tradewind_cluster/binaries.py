"""Kubernetes and its neighbours, built from pinned Go modules, once: nothing is downloaded ready-made.

Binaries are kept in the user's cache under a hash of module files and flags, so that a change of a pin builds anew.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tradewind_cluster.layout import ClusterError, cache_home

MODULES = Path(__file__).parent.parent / "modules"
KUBERNETES_VERSION = "v1.36.3"
LDFLAGS = f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}"
GO_MINIMUM = (1, 26)


@dataclass(frozen=True, slots=True)
class Module:
    """One go.mod, and the packages that are built of it: binary name to package."""

    folder: str
    packages: dict[str, str]
    tags: str = ""
    cgo: bool = False


CONTROL_PLANE = Module(
    "kubernetes",
    {
        "etcd": "go.etcd.io/etcd/server/v3",
        "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
        "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
        "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
        "kubectl": "k8s.io/kubernetes/cmd/kubectl",
    },
)
NODE = Module("kubernetes", {"kubelet": "k8s.io/kubernetes/cmd/kubelet", "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy"})
KWOK = Module("kubernetes", {"kwok": "sigs.k8s.io/kwok/cmd/kwok"})
CONTAINERD = Module(
    "containerd",
    {
        "containerd": "github.com/containerd/containerd/v2/cmd/containerd",
        "containerd-shim-runc-v2": "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        "ctr": "github.com/containerd/containerd/v2/cmd/ctr",
        "host-local": "github.com/containernetworking/plugins/plugins/ipam/host-local",
        "loopback": "github.com/containernetworking/plugins/plugins/main/loopback",
        "ptp": "github.com/containernetworking/plugins/plugins/main/ptp",
        "portmap": "github.com/containernetworking/plugins/plugins/meta/portmap",
    },
)
RUNC = Module("runc", {"runc": "github.com/opencontainers/runc"}, tags="seccomp", cgo=True)
COREDNS = Module("coredns", {"coredns": "github.com/coredns/coredns"})
HELM = Module("helm", {"helm": "helm.sh/helm/v4/cmd/helm"})
PAUSE = Module("pause", {"pause": "tradewind.dev/dev/pause"})

SETS: dict[str, tuple[Module, ...]] = {
    "control-plane": (CONTROL_PLANE,),
    "helm": (HELM,),
    "kwok": (KWOK,),
    "node": (CONTROL_PLANE, NODE, CONTAINERD, RUNC, COREDNS, PAUSE),
}


def folder(module: Module) -> Path:
    """Return where the binaries of `module` are kept."""
    digest = hashlib.sha256(f"{LDFLAGS} {module.tags} {module.cgo}".encode())
    for name in ("go.mod", "go.sum", "main.go"):
        file = MODULES / module.folder / name
        if file.exists():
            digest.update(file.read_bytes())
    return cache_home() / "bin" / f"{module.folder}-{digest.hexdigest()[:16]}"


def binary(name: str) -> Path:
    """Return the path of a binary by its name, built or not."""
    for modules in SETS.values():
        for module in modules:
            if name in module.packages:
                return folder(module) / name
    raise KeyError(name)


def search_path() -> str:
    """Return a PATH that finds all binaries before the machine's own."""
    folders = {str(folder(module)) for modules in SETS.values() for module in modules}
    return os.pathsep.join([*sorted(folders), os.environ.get("PATH", "")])


def missing(which: str) -> list[Module]:
    """Return the modules of a set of which a binary is not there."""
    return [module for module in SETS[which] if any(not (folder(module) / name).exists() for name in module.packages)]


def build(which: str, say: Callable[[str], None]) -> None:
    """Build what is missing of a set. Raises ClusterError if Go is missing, too old, or fails."""
    todo = missing(which)
    if todo:
        check_go()
    for module in todo:
        for name, package in module.packages.items():
            target = folder(module) / name
            if not target.exists():
                _build(module, package, target, say)


def check_go() -> None:
    """Raise ClusterError unless a Go that is new enough is on the path."""
    go = shutil.which("go")
    wanted = ".".join(map(str, GO_MINIMUM))
    if go is None:
        raise ClusterError(f"Go is not installed: Kubernetes is built from source and needs Go {wanted} or newer on the PATH")
    version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    numbers = tuple(int(part) for part in version.removeprefix("go").split(".")[:2] if part.isdigit())
    if numbers < GO_MINIMUM:
        raise ClusterError(f"{go} is {version}, Go {wanted} or newer is needed")


def _build(module: Module, package: str, target: Path, say: Callable[[str], None]) -> None:
    start = time.monotonic()
    target.parent.mkdir(parents=True, exist_ok=True)
    half_done = target.with_suffix(f".{os.getpid()}")
    command = ["go", "build", "-trimpath", "-ldflags", LDFLAGS, "-o", str(half_done)]
    command += ["-tags", module.tags] if module.tags else []
    env = os.environ | {"CGO_ENABLED": "1" if module.cgo else "0", "GOFLAGS": "-buildvcs=false"}
    say(f"building {target.name} (once; Go's caches grow to about 5 GB)")
    done = subprocess.run(
        [*command, package],
        cwd=MODULES / module.folder,
        env=env,
        stdout=sys.stderr,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        half_done.unlink(missing_ok=True)
        raise ClusterError(f"building {target.name} failed:\n{done.stderr[-2000:]}")
    half_done.rename(target)
    say(f"built {target.name} in {time.monotonic() - start:.0f} s")
