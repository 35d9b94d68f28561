"""`kill -9` under write load: what was acknowledged is there after the restart."""

import os
import pathlib
import random
import sqlite3
import time
from contextlib import closing

from load import Writers, assert_kept

KILLS = int(os.environ.get("CRASH_KILLS", "5"))
CONNECTIONS = 16


def test_kill_9_under_write_load_loses_no_acknowledged_task(start_server, tmp_path: pathlib.Path) -> None:
    database = tmp_path / "holdfast.db"
    acknowledged: dict[int, str] = {}
    moments = random.Random(20260101)  # the same moments every time
    for number in range(KILLS):
        server = start_server(database=database)
        assert_kept(acknowledged, server.all_tasks())
        writers = Writers(server, CONNECTIONS, f"life {number}")
        writers.wait_until_writing()
        time.sleep(moments.uniform(0.05, 0.6))
        server.kill()
        writers.join()
        assert not writers.unexpected
        assert not writers.repeated_ids
        assert not writers.acknowledged.keys() & acknowledged.keys(), "an id was given to two tasks"
        acknowledged |= writers.acknowledged

    server = start_server(database=database)
    assert_kept(acknowledged, server.all_tasks())
    assert server.add_task("after all that") > max(acknowledged)
    assert server.stop() == 0
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
