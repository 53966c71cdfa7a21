"""A soak that is ended leaves no process behind, and a file that it goes on from."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bot_world import wait_for

pytestmark = pytest.mark.slow
RUN = Path(__file__).with_name("run.py")


def session(number):
    """Return the processes of a session: what was started, and all that came of it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            pid, rest = folder.name, (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(rest[3]) == number and rest[0] != "Z":
            found.append(int(pid))
    return found


@pytest.fixture
def soak(tmp_path):
    """Start a soak in a session of its own; whatever of it is left after the test is killed."""
    begun = []

    def start(*options):
        command = [sys.executable, str(RUN), "--jobs", "2", "--resume", str(tmp_path / "done.jsonl"), *options]
        process = subprocess.Popen(
            command, cwd=tmp_path, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        begun.append(process)
        return process, tmp_path / "done.jsonl"

    yield start
    for process in begun:
        for pid in session(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("send", [os.kill, os.killpg], ids=["SIGTERM to it", "Ctrl-C to all of them"])
@pytest.mark.parametrize("what", ["simulations", "real pods"])
def test_a_soak_that_is_ended_leaves_nothing_behind(soak, send, what):
    """No worker, no pod, no exchange; whole lines in the file, none of what the end cut short, and the code that says so."""
    kinds = {"simulations": ("--seeds", "500", "--hours", "0.5"), "real pods": ("--seeds", "0", "--processes", "90")}
    process, file = soak(*kinds[what])
    ready = {"simulations": lambda: file.exists() and file.read_text().count("\n") > 2, "real pods": lambda: pods(process) > 1}
    wait_for(ready[what], 60)
    send(process.pid, signal.SIGTERM if send is os.kill else signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert 2 == process.returncode, output
    wait_for(lambda: not session(process.pid))  # multiprocessing's own helper ends after us
    text = file.read_text() if file.exists() else ""
    assert text == "" or text.endswith("\n")
    assert [""] * text.count("\n") == [json.loads(line)["failure"] for line in text.splitlines()]
    assert "Traceback" not in output


def pods(process):
    commands = [Path(f"/proc/{pid}/cmdline") for pid in session(process.pid)]
    return sum(b"tradewind_runner.bot" in path.read_bytes() for path in commands if path.exists())


def test_a_line_that_was_begun_is_no_harm_to_the_next(soak):
    """A soak that was killed has left half a record: the next one adds whole ones after it."""
    process, file = soak("--seeds", "1", "--hours", "0.1")
    file.write_text('{"kind": "seed", "numb')
    process.wait(60)
    half, whole = file.read_text().splitlines()
    assert (half, 1) == ('{"kind": "seed", "numb', json.loads(whole)["number"])


BROKEN = f"""
import sys
sys.path.insert(0, {str(RUN.parent)!r})
import run
class World(run.World):
    def __init__(self, seed, *args, **options):
        super().__init__(seed, *args, **options)
        self.cursed = seed == 1
    def run(self):
        assert not self.cursed, "broken on purpose"
        super().run()
run.World = World
if __name__ == "__main__":
    sys.exit(run.main())
"""


@pytest.mark.parametrize("resume", [True, False])
def test_a_seed_that_fails_is_told_and_the_others_are_lived_through(tmp_path, resume):
    """With the command that repeats it, in the file as failed, and the exit code says so at the end."""
    (tmp_path / "soak.py").write_text(BROKEN)
    kept = ["--resume", str(tmp_path / "done.jsonl")] if resume else []
    command = [sys.executable, str(tmp_path / "soak.py"), "--seed", "1", "--seeds", "2", "--hours", "0.1", *kept]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert 1 == ended.returncode, ended.stderr
    assert "seed 1 failed: python tests/simulation/run.py --seed 1 --hours 0.1 --shrink" in ended.stdout
    assert "seed 2 failed" not in ended.stdout
    assert "0.2 bot-hours" in ended.stdout
    if resume:
        found = [json.loads(line) for line in (tmp_path / "done.jsonl").read_text().splitlines()]
        assert [(1, True), (2, False)] == [(record["number"], "on purpose" in record["failure"]) for record in found]
