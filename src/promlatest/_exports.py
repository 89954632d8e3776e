"""The names of `promlatest`, each from where it is made."""

from promlatest._counts import Counts
from promlatest._datapoint import DataPoint, Exemplar, Metadata, MetricType
from promlatest._histogram import Bucket, Histogram
from promlatest._increase import Movement
from promlatest._interfaces import (
    Appendable,
    Appender,
    BatchAppender,
    Block,
    Columnar,
    Queryable,
    Values,
)
from promlatest._matching.conditions import Condition
from promlatest._matching.labels import Labels
from promlatest._matching.matcher import LabelValue, Matcher, MatchType
from promlatest._matching.selector import format_selector, parse_selector
from promlatest._samples import Rows, Samples
from promlatest._storage.appender import Batch, DirectAppender
from promlatest._storage.limits import Limits
from promlatest._storage.snapshot import Snapshot
from promlatest._storage.store import Change, Source, Store

__all__ = [
    "Appendable",
    "Appender",
    "Batch",
    "BatchAppender",
    "Block",
    "Bucket",
    "Change",
    "Columnar",
    "Condition",
    "Counts",
    "DataPoint",
    "DirectAppender",
    "Exemplar",
    "Histogram",
    "LabelValue",
    "Labels",
    "Limits",
    "MatchType",
    "Matcher",
    "Metadata",
    "MetricType",
    "Movement",
    "Queryable",
    "Rows",
    "Samples",
    "Snapshot",
    "Source",
    "Store",
    "Values",
    "format_selector",
    "parse_selector",
]
