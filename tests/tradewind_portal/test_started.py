"""What the portal lets go of once it has started."""

import json
import subprocess
import sys

from tradewind_portal.started import code_ranges

SMAPS = """\
7f0000000000-7f0000100000 r--p 00000000 fe:00 1  /opt/site/_duckdb.so
Anonymous:             0 kB
7f0000100000-7f0000300000 r-xp 00100000 fe:00 1  /opt/site/_duckdb.so
Rss:                2048 kB
Anonymous:             0 kB
7f0000300000-7f0000400000 r--p 00300000 fe:00 1  /opt/site/_duckdb.so
Anonymous:          1024 kB
7f0000500000-7f0000600000 r-xp 00000000 fe:00 2  /usr/lib/libpatched.so.1
Anonymous:             4 kB
7f0000700000-7f0000800000 r-xp 00000000 00:00 0 [anon:arena]
Anonymous:             0 kB
"""

USE = """
import json, pathlib, tempfile
from tradewind_portal.started import let_go_of_start
from tradewind_portal.store.connection import Connection
def resident():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("RssFile:")[1].split()[0])
connection = Connection(pathlib.Path(tempfile.mkdtemp()) / "a.duckdb", memory_mib=64, threads=1)
before = resident()
let_go_of_start()
after = resident()
answer = connection.cursor().execute("SELECT sum(i) FROM range(100000) AS rows(i)").fetchone()[0]
connection.close()
print(json.dumps({"before": before, "after": after, "answer": answer}))
"""


START = """
import gc
from tradewind_portal import __main__
from tradewind_portal.started import keep_start
before = len(gc.get_objects())
keep_start()
print(before, len(gc.get_objects()), gc.get_freeze_count())
gc.unfreeze()
"""


def test_nobody_looks_for_garbage_in_what_the_start_made():
    """Of a hundred thousand objects a later look goes through some hundred."""
    ran = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
    before, after, kept = map(int, ran.stdout.split())
    assert before > 20_000
    assert after < before / 20
    assert kept > before / 2


def test_only_code_that_nobody_wrote_to_is_let_go_of():
    """Data, what was written to, and memory without a file stay: letting go of those would lose them."""
    assert [(0x7F0000100000, 0x200000)] == code_ranges(SMAPS)


def test_a_process_that_let_go_of_its_start_is_lighter_and_works_on():
    """Half of the code that opening a database maps is gone from the process, and a query has its answer."""
    ran = subprocess.run([sys.executable, "-c", USE], capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    assert found["answer"] == 4999950000
    assert found["after"] < found["before"] / 2
