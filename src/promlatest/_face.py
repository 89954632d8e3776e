"""The names of `promlatest`, each from where it is made."""

from promlatest._counts import Counts
from promlatest._datapoint import DataPoint, Exemplar, Metadata
from promlatest._histogram import Bucket, Histogram
from promlatest._interfaces import Appendable, Appender, Queryable
from promlatest._matching.labels import Labels
from promlatest._matching.matcher import Matcher
from promlatest._matching.selector import format_selector, parse_selector
from promlatest._movement import Movement
from promlatest._storage.limits import Limits
from promlatest._storage.query import Snapshot
from promlatest._storage.store import Change, Source, Store

__all__ = [
    "Appendable",
    "Appender",
    "Bucket",
    "Change",
    "Counts",
    "DataPoint",
    "Exemplar",
    "Histogram",
    "Labels",
    "Limits",
    "Matcher",
    "Metadata",
    "Movement",
    "Queryable",
    "Snapshot",
    "Source",
    "Store",
    "format_selector",
    "parse_selector",
]
