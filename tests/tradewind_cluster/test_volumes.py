"""A claim that waits for this node gets a volume; others do not."""

from pathlib import Path
from typing import Any

from tradewind_cluster.layout import layout
from tradewind_cluster.volumes import is_done_with, volume_for


def claim(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "a",
            "name": "data",
            "uid": "11-22",
            "annotations": {"volume.kubernetes.io/selected-node": "tradewind"},
        },
        "spec": {
            "storageClassName": "local",
            "accessModes": ["ReadWriteOncePod"],
            "resources": {"requests": {"storage": "1Gi"}},
            **spec,
        },
    }


def test_a_waiting_claim_gets_a_folder_bound_to_it_alone(tmp_path: Path) -> None:
    """The volume names the claim by uid, so that no other claim can take it."""
    volume = volume_for(claim(), layout("tradewind", node=True, state=tmp_path))
    assert volume is not None
    assert {"namespace": "a", "name": "data", "uid": "11-22"} == volume["spec"]["claimRef"]
    assert {"path": f"{tmp_path}/volumes/local-11-22"} == volume["spec"]["local"]
    assert ["ReadWriteOncePod"] == volume["spec"]["accessModes"]


def test_a_claim_that_is_bound_of_another_class_or_not_scheduled_gets_none(tmp_path: Path) -> None:
    """Only what is ours, and only once a pod waits for it."""
    where = layout("tradewind", node=True, state=tmp_path)
    unscheduled = claim()
    unscheduled["metadata"]["annotations"] = {}
    for other in (claim(volumeName="local-11-22"), claim(storageClassName="fast"), unscheduled):
        assert volume_for(other, where) is None


def test_a_released_volume_goes_unless_it_is_retained_or_anothers(tmp_path: Path) -> None:
    """Data is deleted only where the claim is gone and the volume says Delete."""
    volume = volume_for(claim(), layout("tradewind", node=True, state=tmp_path))
    assert volume is not None
    assert not is_done_with({**volume, "status": {"phase": "Bound"}})
    assert is_done_with({**volume, "status": {"phase": "Released"}})
    retained = {**volume, "status": {"phase": "Released"}, "spec": volume["spec"] | {"persistentVolumeReclaimPolicy": "Retain"}}
    assert not is_done_with(retained)
    assert not is_done_with({**volume, "status": {"phase": "Released"}, "metadata": {"name": "x"}})
