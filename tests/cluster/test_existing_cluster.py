"""Somebody's own cluster, asked before anything is built: what is wrong is told with what to do, within seconds."""

import json
import os
import socket
import subprocess
import sys

import pytest
from portal_cluster import GROUP

from tradewind_cluster.binaries import binary

NOBODY = "system:serviceaccount:default:default"


@pytest.fixture
def contexts(control_plane, tmp_path):
    """A kubeconfig of several contexts: an administrator, somebody without rights, a wrong password, a cluster that is away."""
    config = json.loads(
        subprocess.run(
            [binary("kubectl"), f"--kubeconfig={control_plane.kubeconfig}", "config", "view", "--raw", "-o", "json"],
            capture_output=True,
            check=True,
        ).stdout
    )
    cluster, admin = config["clusters"][0], config["users"][0]["user"]
    config["users"] = [
        {"name": "admin", "user": admin},
        {"name": "nobody", "user": admin | {"as": NOBODY}},
        {"name": "stranger", "user": {"token": "wrong"}},
        {"name": "gone", "user": {"token": "any"}},
    ]
    away = {"name": "away", "cluster": {"server": "https://127.0.0.1:9"}}
    config["clusters"] = [{"name": "here", "cluster": cluster["cluster"]}, away]
    config["contexts"] = [
        {"name": name, "context": {"cluster": "here", "user": name}} for name in ("admin", "nobody", "stranger")
    ]
    config["contexts"].append({"name": "gone", "context": {"cluster": "away", "user": "admin"}})
    config["current-context"] = "gone"
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    return file


def run(contexts, command="up", **environment):
    """Run what `make` runs and return its exit code and what it complained of."""
    env = os.environ | {"KUBECONFIG": str(contexts), "PATH": f"{binary('kubectl').parent}:{os.environ['PATH']}"} | environment
    done = subprocess.run(
        [sys.executable, "-m", "tradewind_demo", command], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", ["up", "down"])
@pytest.mark.parametrize(
    ("context", "message"),
    [
        ("mine", "has no such context; there are admin, gone, nobody, stranger"),
        ("gone", "the API server does not answer: "),
        ("gone", "kubectl --context gone cluster-info"),
        ("stranger", "does not take the credentials of this context"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_named(contexts, command, context, message):
    """A wrong context, an API server that is away, and credentials that are not taken."""
    code, said = run(contexts, command, CONTEXT=context)
    assert 1 == code
    assert message in said


def test_rights_that_are_missing_are_named(contexts):
    """All of them at once, with the role that has them."""
    code, said = run(contexts, CONTEXT="nobody")
    assert 1 == code
    assert "may not create customresourcedefinitions.apiextensions.k8s.io, namespaces, clusterroles" in said
    assert "cluster-admin" in said


def test_a_cluster_without_volumes_is_told_so(contexts):
    """The portal's claim would wait for ever."""
    code, said = run(contexts, CONTEXT="admin")
    assert 1 == code
    assert "no default StorageClass" in said
    assert "kubectl --context admin annotate storageclass NAME" in said


def test_a_taken_port_is_told_before_anything_is_built(contexts, api):
    """The port is that of the printed URL, so another one cannot be taken in silence."""
    path = "/apis/storage.k8s.io/v1/storageclasses/standard"
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    api.apply(
        path,
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "standard", "annotations": default},
            "provisioner": "none",
        },
    )
    try:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            code, said = run(contexts, CONTEXT="admin", PORT=str(port))
    finally:
        api.call("DELETE", path)
    assert 1 == code
    assert f"port {port} of 127.0.0.1 is taken" in said


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ([], "kubectl is not installed"),
        (["kubectl"], "helm is not installed (https://helm.sh/docs/intro/install), nor can it be built: Go is not installed"),
    ],
)
def test_a_missing_tool_is_named(contexts, tmp_path, tools, message):
    """With a context the person's own tools are used, and neither of them can be built here."""
    (tmp_path / "bin").mkdir()
    for tool in tools:
        (tmp_path / "bin" / tool).symlink_to(binary(tool))
    code, said = run(contexts, CONTEXT="admin", PATH=str(tmp_path / "bin"), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert 1 == code
    assert message in said


def test_down_leaves_tenants_of_others_alone(contexts, api):
    """What `make up` did not make is not its to delete; nothing at all is deleted then."""
    for name in ("demo", "somebody"):
        body = {"apiVersion": "tradewind.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": {"plan": "pro"}}
        api.apply(f"{GROUP}/tenants/{name}", body)
    code, said = run(contexts, "down", CONTEXT="admin")
    assert 1 == code
    assert "there are tenants that `make up` did not make: somebody; nothing was deleted" in said
    for name in ("demo", "somebody"):
        api.call("DELETE", f"{GROUP}/tenants/{name}")  # which is there
