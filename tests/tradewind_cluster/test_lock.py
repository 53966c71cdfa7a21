"""Two commands on one cluster wait for one another, also over its removal."""

import shutil
import threading
from pathlib import Path

import pytest

from tradewind_cluster.lock import exclusive


def test_who_waits_gets_the_folder_that_is_there_now(tmp_path: Path) -> None:
    """`down` removes the folder while `up` waits for it: `up` must not hold a folder that nobody sees."""
    folder, order = tmp_path / "cluster", []

    def wait() -> None:
        with exclusive(folder):
            order.append("second")
            assert folder.exists()

    with exclusive(folder):
        thread = threading.Thread(target=wait)
        thread.start()
        order.append("first")
        shutil.rmtree(folder)
    thread.join(10)
    assert ["first", "second"] == order


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    """A file, and a link that leads nowhere: nobody waits for either to go away."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(FileExistsError), exclusive(tmp_path / name):
            pass
