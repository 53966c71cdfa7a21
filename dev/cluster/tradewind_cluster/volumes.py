"""Local volumes: a folder on this machine for each claim that a pod waits for, gone when its volume is released."""

import shutil
import threading
import time
from typing import Any

from tradewind_cluster.api import Api, ApiError
from tradewind_cluster.layout import Layout
from tradewind_cluster.watching import Watched

PROVISIONER = "tradewind.dev/local"
STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "local", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": PROVISIONER,
    "volumeBindingMode": "WaitForFirstConsumer",
    "reclaimPolicy": "Delete",
}
PATHS = {"claims": "/api/v1/persistentvolumeclaims", "volumes": "/api/v1/persistentvolumes"}


def volume_for(claim: dict[str, Any], layout: Layout) -> dict[str, Any] | None:
    """Return the volume that a claim waits for; None where it waits for nothing of ours."""
    metadata, spec = claim["metadata"], claim["spec"]
    node = (metadata.get("annotations") or {}).get("volume.kubernetes.io/selected-node")
    if spec.get("storageClassName") != STORAGE_CLASS["metadata"]["name"] or spec.get("volumeName") or not node:  # type: ignore[index]  # a literal above
        return None
    name = f"local-{metadata['uid']}"
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": "local",
            "local": {"path": str(layout.state / "volumes" / name)},
            "claimRef": {"namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]},
            "nodeAffinity": {
                "required": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
                    ]
                }
            },
        },
    }


def is_done_with(volume: dict[str, Any]) -> bool:
    """Return whether a volume is ours, its claim is gone, and nobody asked to retain it."""
    ours = (volume["metadata"].get("annotations") or {}).get("pv.kubernetes.io/provisioned-by") == PROVISIONER
    released = volume.get("status", {}).get("phase") == "Released"
    return ours and released and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"


def provide(layout: Layout, api: Api, watched: Watched) -> None:
    """Make and remove volumes after every change, for ever."""
    while True:
        watched.changed.wait()
        watched.changed.clear()
        try:
            _once(layout, api, watched)
        except (ApiError, OSError) as exc:
            print(f"volumes: {exc}", flush=True)
            time.sleep(1)
            watched.changed.set()


def _once(layout: Layout, api: Api, watched: Watched) -> None:
    known = watched.snapshot("volumes")
    for claim in watched.snapshot("claims").values():
        volume = volume_for(claim, layout)
        if volume and ("", volume["metadata"]["name"]) not in known:
            (layout.state / "volumes" / volume["metadata"]["name"]).mkdir(parents=True, exist_ok=True)
            api.apply(f"/api/v1/persistentvolumes/{volume['metadata']['name']}", volume)
    for (_, name), volume in known.items():
        if is_done_with(volume):
            shutil.rmtree(layout.state / "volumes" / name, ignore_errors=True)  # first: a kill in between is done over
            api.call("DELETE", f"/api/v1/persistentvolumes/{name}")


def start(layout: Layout, api: Api) -> None:
    """Provide in a thread of its own."""
    watched = Watched(api, PATHS)
    threading.Thread(target=provide, args=(layout, api, watched), name="volumes", daemon=True).start()
