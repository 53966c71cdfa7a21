"""Kubernetes and its neighbours, built from pinned Go modules, once: nothing is downloaded ready-made.

Binaries are kept in the user's cache under a hash of module files and flags, so that a change of a pin builds anew.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tradewind_cluster import debian
from tradewind_cluster.disk import GIGABYTE, check_free
from tradewind_cluster.layout import ClusterError, cache_home
from tradewind_cluster.lock import exclusive

MODULES = Path(__file__).parent.parent / "modules"
KUBERNETES_VERSION = "v1.36.3"
LDFLAGS = f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES_VERSION}"
GO_MINIMUM = (1, 26)
BUILD_BYTES = 12 * GIGABYTE  # Go's caches, the binaries, and what the cluster then stores
CGO_PACKAGES = {
    "gcc": ("gcc", "building runc"),
    "pkg-config": ("pkg-config", "building runc"),
    "/usr/include/seccomp.h": ("libseccomp-dev", "building runc"),
    "/usr/include/stdio.h": ("libc6-dev", "building runc"),
}


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
COREDNS = Module("coredns", {"coredns": "tradewind.dev/dev/dns"})
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
    if not todo:
        return
    check(which)
    if any(module.cgo for module in todo):
        debian.install(CGO_PACKAGES, say)
    folders = ", ".join(dict.fromkeys(module.folder for module in todo))
    say(f"building {folders} from source (once; Go's caches grow to about 5 GB)")
    for module in todo:
        with exclusive(folder(module)):  # another `up` may build the same at this moment
            for name, package in module.packages.items():
                target = folder(module) / name
                if not target.exists():
                    _build(module, package, target, say)


def check(which: str) -> None:
    """Raise ClusterError where something of the set must be built and this machine cannot: no Go, too little disk."""
    if missing(which):
        check_go()
        check_free(cache_home(), BUILD_BYTES, "XDG_CACHE_HOME")


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
    half_done = target.with_suffix(f".{os.getpid()}")
    command = ["go", "build", "-trimpath", "-ldflags", LDFLAGS, "-o", str(half_done)]
    command += ["-tags", module.tags] if module.tags else []
    env = os.environ | {"CGO_ENABLED": "1" if module.cgo else "0", "GOFLAGS": "-buildvcs=false"}
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen([*command, package], cwd=MODULES / module.folder, env=env, stdout=output, stderr=output)
        try:
            while _runs(process):
                say(f"still building {target.name} ({time.monotonic() - start:.0f} s)")
        finally:
            process.kill()
        if process.returncode:
            half_done.unlink(missing_ok=True)
            output.seek(0)
            raise ClusterError(f"building {target.name} failed:\n{output.read()[-2000:]}")
    half_done.rename(target)
    say(f"built {target.name} in {time.monotonic() - start:.0f} s")


def _runs(process: subprocess.Popen[bytes]) -> bool:
    """Return whether the process still runs after a quarter of a minute."""
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        return True
    return False
