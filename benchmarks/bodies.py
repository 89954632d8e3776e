"""Bodies of scrapes: 65 % histograms of controllers, 35 % what a node exporter has.

They are seeded, take 92 to 97 bytes a sample, and move as a body moves: `moved` changes
a share of the values, either in runs of 200 samples (clustered, as in life: whole
histograms move) or spread at random (uniform, the worst case).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Final

import attrs

_RUN: Final = 200  # samples that change together
_BOUNDS: Final = (
    "0.005", "0.01", "0.025", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.35", "0.4",
    "0.45", "0.5", "0.6", "0.7", "0.8", "0.9", "1", "1.25", "1.5", "1.75", "2", "2.5", "3",
    "3.5", "4", "4.5", "5", "6", "7", "8", "9", "10", "15", "20", "25", "30", "40", "50",
    "60", "+Inf",
)  # fmt: skip
_WHOLE: Final = len(_BOUNDS) + 2  # samples of one histogram
_HISTOGRAMS: Final = (
    ("controller_runtime_reconcile_time_seconds", 'controller="{c}-controller"'),
    ("workqueue_queue_duration_seconds", 'controller="{c}",name="{c}"'),
    ("workqueue_work_duration_seconds", 'controller="{c}",name="{c}"'),
    ("rest_client_request_duration_seconds", 'host="https://10.96.0.1:443/api",verb="{v}"'),
    ("controller_runtime_webhook_latency_seconds", 'webhook="/validate-{c}"'),
)
_KINDS: Final = (
    "deployment", "replicaset", "statefulset", "daemonset", "certificate", "issuer",
    "ingress", "gateway", "cluster", "machine", "backup", "restore",
)  # fmt: skip
_NODE: Final = (
    ("node_cpu_seconds_total", "counter", 'cpu="{i}",mode="{mode}"'),
    ("node_filesystem_avail_bytes", "gauge", 'device="/dev/sd{i}",fstype="ext4",mountpoint="/var/lib/kubelet/pods/{i}"'),
    ("node_filesystem_size_bytes", "gauge", 'device="/dev/sd{i}",fstype="ext4",mountpoint="/var/lib/kubelet/pods/{i}"'),
    ("node_network_receive_bytes_total", "counter", 'device="veth{i:08x}"'),
    ("node_network_transmit_packets_total", "counter", 'device="veth{i:08x}"'),
    ("node_disk_read_time_seconds_total", "counter", 'device="nvme{i}n1"'),
    ("node_systemd_unit_state", "gauge", 'name="kubepods-burstable-pod{i:08x}.slice",state="{mode}",type="simple"'),
)  # fmt: skip
_MODES: Final = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")


@attrs.frozen(eq=False)
class Body:
    """A body in pieces.

    Attributes:
        series: everything of each line but its value; comments stand before the first
            series of their family.
        values: as text, one a series.
    """

    series: Sequence[str]
    values: Sequence[str]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def text(self) -> str:
        pairs = zip(self.series, self.values, strict=True)
        return "".join([f"{series} {value}\n" for series, value in pairs])

    @property
    def bytes(self) -> bytes:
        return self.text.encode()


def body(samples: int, seed: int = 1) -> Body:
    """A body with this many samples, 43 at the least."""
    chance = random.Random(seed)
    pairs = list(_histograms(round(0.65 * samples / _WHOLE) or 1, chance))
    pairs += _node(samples - len(pairs), chance)
    return Body([series for series, _ in pairs], [value for _, value in pairs])


def moved(old: Body, share: float, *, clustered: bool, seed: int) -> Body:
    """The body with this share of its values changed."""
    chance = random.Random(seed)
    size = len(old)
    run = min(_RUN, max(1, size // 20)) if clustered else 1
    values = list(old.values)
    starts = range(0, size, run)
    for start in chance.sample(starts, round(share * len(starts))):
        for at in range(start, min(start + run, size)):
            values[at] = _next(values[at])
    return Body(old.series, values)


def moving(
    samples: int, share: float, *, clustered: bool = True, seed: int = 1, steps: int = 12
) -> list[bytes]:
    """Bodies that each differ from the next in this share of their values.

    `there_and_back` plays them without an end, so that neighbours always do.
    """
    latest = body(samples, seed)
    bodies = [latest.bytes]
    for step in range(1, steps):
        latest = moved(latest, share, clustered=clustered, seed=seed + step)
        bodies.append(latest.bytes)
    return bodies


def there_and_back(bodies: Sequence[bytes]) -> Iterator[bytes]:
    """Without an end: first to last, and back; each a new object, as if received."""
    path = [*bodies, *bodies[-2:0:-1]]
    # A copy: whoever is given the same object twice may see that without a look.
    return (bytes(memoryview(each)) for each in cycle(path))


def _next(value: str) -> str:
    """A value of the same kind that differs: a bigger one, most often as long."""
    if "." in value:
        return f"{float(value) + 0.25:.6f}"
    return str(int(value) + 1)


def _described(
    family: str, kind: str, lines: Iterator[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    """The lines, the first with the family's comments before it."""
    for at, (series, value) in enumerate(lines):
        comments = f"# HELP {family} What {family} says.\n# TYPE {family} {kind}\n"
        yield (series if at else comments + series), value


def _histograms(number: int, chance: random.Random) -> Iterator[tuple[str, str]]:
    share = -(-number // len(_HISTOGRAMS))
    for family, labels in _HISTOGRAMS:
        wanted = min(share, number)
        number -= wanted
        lines = _histogram_lines(family, labels, wanted, chance)
        yield from _described(family, "histogram", lines)


def _histogram_lines(
    family: str, labels: str, wanted: int, chance: random.Random
) -> Iterator[tuple[str, str]]:
    for number in range(wanted):
        kind = f"{_KINDS[number % len(_KINDS)]}-{number}"
        these = labels.format(c=kind, v=f"VERB{number}")
        count = 0
        for bound in _BOUNDS:
            count += chance.randrange(9)
            yield f'{family}_bucket{{{these},le="{bound}"}}', str(count)
        yield f"{family}_sum{{{these}}}", f"{count * chance.random():.6f}"
        yield f"{family}_count{{{these}}}", str(count)


def _node(samples: int, chance: random.Random) -> Iterator[tuple[str, str]]:
    share = -(-samples // len(_NODE))
    for family, kind, labels in _NODE:
        wanted = min(share, samples)
        samples -= wanted
        lines = _node_lines(family, labels, wanted, chance)
        yield from _described(family, kind, lines)


def _node_lines(
    family: str, labels: str, samples: int, chance: random.Random
) -> Iterator[tuple[str, str]]:
    modes = len(_MODES) if "{mode}" in labels else 1
    for number in range(samples):
        text = labels.format(i=number // modes, mode=_MODES[number % modes])
        value = str(chance.randrange(10**11))
        if "seconds" in family:
            value = f"{chance.random() * 10**5:.6f}"
        yield f"{family}{{{text}}}", value
