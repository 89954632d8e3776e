"""Samples to text: the way back, so that what was rendered reads as what it was.

It writes families one after the other, each with its metadata before its samples, label
values with the three escapes of the formats, and numbers as Go writes them. No name is
changed; whether the format forbids one, `check` says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import attrs

from promlatest._arguments import checked, checked_choice
from promlatest._datapoint import (
    BOUND_LABEL,
    SUFFIXES,
    DataPoint,
    Exemplar,
    Metadata,
    MetricType,
    family_of,
)
from promlatest._matching.floats import format_float, parse_float
from promlatest._matching.labels import (
    LEGACY_LABEL_NAME,
    LEGACY_METRIC_NAME,
    METRIC_NAME,
    Labels,
)
from promlatest.exceptions import UsageError
from promlatest.exposition._formats import Format
from promlatest.exposition._reader import Sample

_VALUE_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n", '"': '\\"'})
_HELP_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})

# The text format has five types; the others are written as what they are there (F-6).
# A gaugehistogram is not one of "histogram": its `le` is not normalised (F-3).
_TEXT_TYPES: Final[Mapping[MetricType, str]] = {
    "counter": "counter",
    "gauge": "gauge",
    "histogram": "histogram",
    "gaugehistogram": "untyped",
    "summary": "summary",
    "info": "gauge",
    "stateset": "gauge",
    "unknown": "untyped",
}


def render(
    samples: Iterable[Sample | DataPoint],
    metadata: Mapping[str, Metadata] = {},
    format: Format = "text",  # noqa: A002 the field's word
    *,
    timestamps: bool = False,
) -> str:
    """Write samples as an exposition.

        >>> from promlatest.exposition import parse
        >>> exposition = parse("# TYPE depth gauge\\ndepth 3\\n")
        >>> print(render(exposition.samples(), exposition.metadata, "openmetrics"), end="")
        # TYPE depth gauge
        depth 3
        # EOF

    The text format has no units, exemplars and OpenMetrics types, and they are left out.
    OpenMetrics has them, but a unit must be a suffix of its family: another is left out.

    Args:
        samples: those of an `Exposition`, or the points of a store.
        metadata: type, help and unit by family, as `Exposition.metadata` and
            `Store.metrics()` have it.
        format: "text" or "openmetrics".
        timestamps: write the timestamps of points too. The explicit ones of an
            exposition's samples are always written.

    Raises:
        UsageError: a sample cannot be written: it has no metric name, a NUL in a name,
            or in the text format a timestamp before 1970.
    """
    checked(samples, Iterable, "samples of an exposition, or points")
    checked(metadata, Mapping, "Metadata by the name of its family")
    writer = _Writer(checked_choice("format", format, Format), timestamps)
    families = _by_family(samples, metadata)
    # Families without a TYPE come first: after another family's TYPE, a reader would take
    # that for theirs (F-2).
    for name in (*(name for name in families if name not in metadata), *metadata):
        if name in metadata:
            writer.write_metadata(name, metadata[name])
        kind = metadata[name].type if name in metadata else "unknown"
        for sample in _ordered(families.get(name, ()), name, kind):
            writer.write_sample(sample)
    return writer.finish()


def _by_family(
    samples: Iterable[Sample | DataPoint], metadata: Mapping[str, Metadata]
) -> dict[str, list[Sample | DataPoint]]:
    families: dict[str, list[Sample | DataPoint]] = {}
    for sample in samples:
        checked(sample, (Sample, DataPoint), "a sample of an exposition, or a point")
        metric = sample.labels.metric
        if not metric:
            raise UsageError(f"expected a metric name, got none in {sample.labels}")
        families.setdefault(family_of(metric, metadata), []).append(sample)
    return families


def _ordered(
    samples: Iterable[Sample | DataPoint], family: str, kind: MetricType
) -> Iterable[Sample | DataPoint]:
    """Samples of a family: metric by metric, and the bounds of each in their order."""
    bound = BOUND_LABEL.get(kind, "")
    suffixes = SUFFIXES[kind]
    if len(suffixes) == 1:
        return samples
    metrics: dict[Labels, int] = {}

    def order(sample: Sample | DataPoint) -> tuple[int, int, float]:
        rest = sample.labels.without(METRIC_NAME, bound)
        metric = metrics.setdefault(rest, len(metrics))
        suffix = suffixes.index(sample.labels.metric.removeprefix(family))
        return metric, suffix, _bound(sample.labels.get(bound, ""))

    return sorted(samples, key=order)


def _bound(text: str) -> float:
    """The number of a bound; what is none goes to the end."""
    try:
        number = parse_float(text)
    except ValueError:
        return math.inf
    return math.inf if math.isnan(number) else number


@attrs.define(eq=False, repr=False)
class _Writer:
    """Writes lines of one format."""

    format: Format
    timestamps: bool
    lines: list[str] = attrs.field(factory=list)

    def finish(self) -> str:
        end = ["# EOF"] if self.format == "openmetrics" else []
        return "".join(f"{line}\n" for line in (*self.lines, *end))

    def write_metadata(self, family: str, told: Metadata) -> None:
        """HELP, TYPE and UNIT, as far as they say something."""
        name = metric_text(family)
        openmetrics = self.format == "openmetrics"
        if told.help:
            escapes = _VALUE_ESCAPES if openmetrics else _HELP_ESCAPES
            self.lines.append(f"# HELP {name} {told.help.translate(escapes)}")
        kind = told.type if openmetrics else _TEXT_TYPES[told.type]
        self.lines.append(f"# TYPE {name} {kind}")
        if openmetrics and told.unit and family.endswith(f"_{told.unit}"):
            self.lines.append(f"# UNIT {name} {told.unit}")

    def write_sample(self, sample: Sample | DataPoint) -> None:
        line = f"{series_text(sample.labels)} {format_float(sample.value)}"
        if isinstance(sample, Sample) or self.timestamps:
            line += self._timestamp(sample.timestamp)
        if isinstance(sample, Sample) and self.format == "openmetrics":
            line += self._exemplar(sample.exemplar)
        self.lines.append(line)

    def _timestamp(self, milliseconds: int | None) -> str:
        if milliseconds is None:
            return ""
        if self.format == "openmetrics":
            return f" {_seconds(milliseconds)}"
        if milliseconds < 0:
            raise UsageError(
                f"expected a timestamp from 1970 on, as the text format has no others,"
                f" got {milliseconds}"
            )
        return f" {milliseconds}"

    def _exemplar(self, exemplar: Exemplar | None) -> str:
        if exemplar is None:
            return ""
        value = format_float(exemplar.value)
        labels = ",".join(_pairs(exemplar.labels))
        return f" # {{{labels}}} {value}{self._timestamp(exemplar.timestamp)}"


def _seconds(milliseconds: int) -> str:
    """The seconds that read as these milliseconds.

    A reader cuts off below the millisecond, as Go does, and 1.001 * 1000 is less than
    1001: then it is the next number.
    """
    seconds = milliseconds / 1000
    if int(seconds * 1000) != milliseconds:
        seconds = math.nextafter(seconds, math.copysign(math.inf, seconds))
    text = repr(seconds)
    return text.removesuffix(".0")


def series_text(labels: Labels) -> str:
    """The series as a line of an exposition begins."""
    metric = labels.metric
    rest = list(_pairs(labels.without(METRIC_NAME)))
    if not _is_legacy(metric):
        return "{" + ",".join([_quote_name(metric), *rest]) + "}"
    return f"{metric}{{{','.join(rest)}}}" if rest else metric


def _pairs(labels: Labels) -> Iterator[str]:
    for name, value in labels.items():
        legacy = LEGACY_LABEL_NAME.fullmatch(name)
        yield f"{name if legacy else _quote_name(name)}={_quote(value)}"


def metric_text(metric: str) -> str:
    """A metric's name as it stands in a line of metadata."""
    return metric if _is_legacy(metric) else _quote_name(metric)


def _is_legacy(metric: str) -> bool:
    return LEGACY_METRIC_NAME.fullmatch(metric) is not None


def _quote(text: str) -> str:
    return f'"{text.translate(_VALUE_ESCAPES)}"'


def _quote_name(name: str) -> str:
    if "\0" in name:
        raise UsageError(f"expected a name without NUL, got {name!r}")
    return _quote(name)
