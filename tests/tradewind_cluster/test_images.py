"""An image of one file is a docker-archive that any runtime reads."""

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from tradewind_cluster.images import image_of_file, mirror_in


def test_the_archive_names_its_layer_by_digest_and_holds_the_program(tmp_path: Path) -> None:
    """The configuration's diff id is the layer's own sha256; the program is its entry point."""
    program, target = tmp_path / "hello", tmp_path / "image.tar"
    program.write_bytes(b"\x7fELF not really")
    image_of_file("localhost/hello:1", program, target)
    with tarfile.open(target) as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]  # files alone
        manifest = json.loads(files["manifest.json"])[0]
        config = json.loads(files[manifest["Config"]])
        with tarfile.open(fileobj=archive.extractfile("layer.tar")) as layer:
            assert ["hello"] == layer.getnames()
    assert ["localhost/hello:1"] == manifest["RepoTags"]
    assert [f"sha256:{hashlib.sha256(files['layer.tar']).hexdigest()}"] == config["rootfs"]["diff_ids"]
    assert ["/hello"] == config["config"]["Entrypoint"]


OLD = """# ours
deb [signed-by=/k.gpg] http://others.test/apt tool main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian bookworm main
"""
NEW = """Types: deb
URIs: http://others.test/apt
Suites: tool

Types: deb
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
"""


@pytest.mark.parametrize("sources", [OLD, NEW])
def test_the_mirror_is_read_from_either_form_of_package_sources(sources: str) -> None:
    """The address is wherever the machine itself gets its system from, not another maker's packages."""
    assert "http://mirror.test/debian" == mirror_in(sources, "bookworm")
    assert mirror_in(sources, "sid") is None
