"""Clients that write as fast as they can and remember what was acknowledged."""

import http.client
import json
import threading
import time

from service import ANSWER_SECONDS_MAX, Server


class Writers:
    """Threads that add tasks with unique titles until the server goes away or they are told to stop.

    Each rests for `rest` seconds after an answer, and waits `patience` seconds for one.
    """

    def __init__(
        self, server: Server, count: int, label: str, rest: float = 0, patience: float = ANSWER_SECONDS_MAX
    ):
        self.acknowledged: dict[int, str] = {}
        self.repeated_ids: list[int] = []
        self.unexpected: list[str] = []
        self._server = server
        self._rest = rest
        self._patience = patience
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._some_written = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(f"{label} {number}",)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def _write(self, label: str) -> None:
        client = self._server.client(seconds=self._patience)
        sequence = 0
        try:
            while not self._enough.is_set():
                sequence += 1
                title = f"{label} {sequence}"
                client.request("POST", "/tasks", json.dumps({"title": title}))
                response = client.getresponse()
                body = response.read()
                if response.status == 201:
                    self._remember(json.loads(body)["id"], title)
                elif response.status != 503:
                    self.unexpected.append(f"{response.status} {body!r}")
                self._enough.wait(self._rest)
        except (OSError, http.client.HTTPException):
            pass  # the server was stopped or killed: whatever was not acknowledged may be there or not
        finally:
            client.close()

    def _remember(self, identifier: int, title: str) -> None:
        with self._lock:
            if identifier in self.acknowledged:
                self.repeated_ids.append(identifier)
            self.acknowledged[identifier] = title
            if len(self.acknowledged) >= len(self._threads):
                self._some_written.set()

    def wait_until_writing(self) -> None:
        assert self._some_written.wait(10), "no writes were acknowledged within 10 s"

    def join(self) -> None:
        """Waits until all have noticed that the server went."""
        for thread in self._threads:
            thread.join(15)
            assert not thread.is_alive(), "a writer still waits for an answer"

    def stop(self) -> None:
        self._enough.set()
        self.join()


class Callers:
    """Threads that add tasks with unique titles, as a client does that knows several instances.

    One at a time is used; when it refuses connections, the next one is.
    """

    def __init__(self, servers: list[Server], count: int, label: str):
        self.acknowledged: dict[int, str] = {}
        self.repeated_ids: list[int] = []
        # When each acknowledgement came, and from which instance.
        self.moments: list[tuple[float, int]] = []
        # Whatever was neither acknowledged nor refused before it began.
        self.failures: list[str] = []
        self._servers = servers
        self._lock = threading.Lock()
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._write, args=(f"{label} {number}",)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def _write(self, label: str) -> None:
        which, sequence, client = 0, 0, None
        while not self._enough.is_set():
            sequence += 1
            title = f"{label} {sequence}"
            if client is None:
                client = self._servers[which].client()
                try:
                    client.connect()
                except ConnectionRefusedError:
                    client, which = None, (which + 1) % len(self._servers)
                    continue
            try:
                client.request("POST", "/tasks", json.dumps({"title": title}))
                response = client.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(f"{title}: {error!r}")
                client.close()
                client = None
                continue
            if response.status == 201:
                self._remember(json.loads(body)["id"], title, which)
            else:
                self.failures.append(f"{title}: {response.status} {body!r}")
            if response.will_close:
                client.close()
                client = None
        if client is not None:
            client.close()

    def _remember(self, identifier: int, title: str, which: int) -> None:
        with self._lock:
            if identifier in self.acknowledged:
                self.repeated_ids.append(identifier)
            self.acknowledged[identifier] = title
            self.moments.append((time.monotonic(), which))

    def count(self, which: int) -> int:
        """How many writes this instance acknowledged."""
        with self._lock:
            return sum(each == which for _, each in self.moments)

    def longest_gap(self) -> float:
        """The longest time in which nothing was acknowledged."""
        moments = sorted(moment for moment, _ in self.moments)
        return max(after - before for before, after in zip(moments, moments[1:]))

    def stop(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(15)
            assert not thread.is_alive(), "a caller still waits for an answer"


def assert_kept(acknowledged: dict[int, str], tasks: list[dict]) -> None:
    """Every acknowledged task is there exactly once, under the id that was answered."""
    ids = [task["id"] for task in tasks]
    assert ids == sorted(set(ids)), "ids are not unique and ascending"
    titles = [task["title"] for task in tasks]
    assert len(titles) == len(set(titles)), "a task was added twice"
    kept = {task["id"]: task["title"] for task in tasks}
    lost = {number: title for number, title in acknowledged.items() if kept.get(number) != title}
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged tasks are lost: {list(lost.items())[:5]}"
