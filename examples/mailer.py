"""A worker with process-global counters, as most programs have them."""

import queue
import threading
import time

from prometheus_client import Counter, Gauge

JOBS = Counter("mailer_jobs", "Jobs done, by queue and outcome.", ["queue", "outcome"])
WAITING = Gauge("mailer_waiting", "Jobs that wait.", ["queue"])


class Mailer:
    """Works off one queue on a thread of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._jobs: queue.Queue[str | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name=f"mailer-{name}")
        self._thread.start()

    def send(self, address: str) -> None:
        WAITING.labels(self.name).inc()
        self._jobs.put(address)

    def close(self) -> None:
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (address := self._jobs.get()) is not None:
            time.sleep(0.02)  # the mail server takes its time
            outcome = "sent" if "@" in address else "refused"
            JOBS.labels(self.name, outcome).inc()
            WAITING.labels(self.name).dec()
