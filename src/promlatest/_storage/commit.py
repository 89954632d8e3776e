"""What a commit makes of a source: the next scrape, built aside from the one before.

`replaced` takes a whole state, as a scrape brings it; `updated` puts what a push brings
over what was held. Which samples are not taken, and why, is counted here: out of order, out
of bounds, too old, twice. Nothing of it is seen before the store swaps it in.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from itertools import chain, compress
from operator import itemgetter, le
from typing import Final

import attrs

from promlatest._counts import Counts
from promlatest._datapoint import Metadata
from promlatest._matching.floats import is_same
from promlatest._matching.labels import Labels
from promlatest._samples import NO_TIME, Samples, rows_of, take, without_empty
from promlatest._storage.layout import Layout, changes, laid_out
from promlatest._storage.limits import Limits, check_rows
from promlatest._storage.plan import Plan
from promlatest._storage.scrape import Scrape

# An update copies the patch, and folds it into the vectors when it has grown to so many:
# of 1,000,000 series 1,024 updates of one cost 10 µs each and then 15 ms once.
_PATCHED: Final = 1_024


@attrs.frozen(eq=False)
class Commit:
    """What a batch brings, and by which rules it is taken.

    Attributes:
        samples: what it brings.
        metadata: what is known of their families.
        timestamp: of samples that have none of their own, in milliseconds.
        horizon: samples after this moment are not taken: one would pin its series,
            since everything that follows were older than it.
        oldest: samples from before this moment are not taken; None: however old.
        limits: what series may look like.
        last: the moment of the source's last scrape, good or failed: what comes after it
            does not stand before it.
    """

    samples: Samples
    metadata: Mapping[str, Metadata]
    timestamp: int
    horizon: int
    oldest: int | None
    limits: Limits
    last: int


def replaced(held: Scrape, commit: Commit) -> tuple[Scrape, Counts]:
    """A scrape of just what a commit brings: what it does not bring is gone.

    Of two for one moment the later one counts, in whole. A sample with a timestamp of its
    own that is not newer than the one held leaves that one there.
    """
    counts = Counts()
    samples = commit.samples
    layout = _layout_of(samples, held.layout, commit.limits)
    values, times, exemplars = samples.values, samples.times, samples.exemplars
    if layout.twins:
        values, times = _settled_twins(layout, samples, commit, counts)
    if times is not None:
        moments = set(times)  # one look at all, where there are few
        layout = _bounded(layout, times, moments, commit, counts)
        if NO_TIME in moments:
            now = commit.timestamp
            times = array("q", [now if time == NO_TIME else time for time in times])
    scrape = Scrape(layout, values, commit.timestamp, times, exemplars, commit.metadata)
    is_newer = commit.timestamp > held.timestamp  # of two for one moment the later counts
    if is_newer and (times is not None or held.times is not None or held.patch):
        scrape = _settled(scrape, held.folded(), counts)
    counts.added, counts.removed = changes(held.layout, layout)
    counts.samples += layout.size - layout.reported
    return scrape, counts


def updated(held: Scrape, commit: Commit) -> tuple[Scrape, Counts]:
    """A scrape with what a commit brings put over what was held.

    O(samples that it brings); with new series O(metrics) more. These have places behind
    the others, and lie in the patch as all that it brings.
    """
    counts = Counts()
    end = held.length
    fresh: dict[Labels, int] = {}
    patch, patch_times = dict(held.patch), dict(held.patch_times)
    exemplars = commit.samples.exemplars
    kept_exemplars = dict(held.exemplars) if exemplars else held.exemplars
    for labels, at in _in_order(commit.samples):
        place = held.layout.find(labels)
        if place < 0:
            place = fresh.get(labels, end + len(fresh))
        before = None
        if place in patch:
            before = (patch_times[place], patch[place])
        elif place < end:
            before = (held.time(place), held.value(place))
        sample = (_time(commit, at), commit.samples.values[at])
        if _is_taken(sample, before, labels, commit, counts):
            patch_times[place], patch[place] = sample
            if place >= end:
                fresh[labels] = place
            if at in exemplars:
                kept_exemplars[place] = exemplars[at]  # type: ignore[index]
    timestamp = max(held.timestamp, commit.timestamp, commit.last)
    times = held.times
    if times is None and timestamp != held.timestamp and held.values:
        # The vector of times is made when the moment that all have shared is over.
        times = held._times()
    metadata = {**held.metadata, **commit.metadata} if commit.metadata else held.metadata
    layout = held.layout
    if fresh:
        rows = rows_of(list(fresh.items()))
        check_rows(rows, commit.limits)
        layout = layout.extended(rows, end + len(fresh))
        counts.added = len(fresh)
    scrape = attrs.evolve(
        held,
        layout=layout,
        timestamp=timestamp,
        times=times,
        patch=patch,
        patch_times=patch_times,
        metadata=metadata,
        exemplars=kept_exemplars,
    )
    return scrape.folded() if len(patch) > _PATCHED else scrape, counts


def without(held: Scrape, plan: Plan) -> Scrape:
    """A scrape less the series that fulfil a plan."""
    gone = {table.places[row] for table, rows in held.layout.selected(plan) for row in rows}
    return attrs.evolve(held, layout=held.layout.less(gone)) if gone else held


def _layout_of(samples: Samples, before: Layout, limits: Limits) -> Layout:
    # (): that of a body without a series, and of a layout that lost all of them.
    if samples.rows is before.rows and samples.rows:
        return before
    layout = laid_out(samples.rows, len(samples.values), before)
    held = before.shapes.get
    fresh = [group for shape, group in layout.shapes.items() if group is not held(shape)]
    tables = chain.from_iterable(fresh)
    rows = [
        take(each.rows, each.others[1]) if each.others else each.rows for each in tables
    ]
    check_rows(rows, limits)
    return layout


def _refusal(time: int, commit: Commit) -> str:
    """Why a sample of this time is not taken, as the name of a count; "" if it is."""
    if time > commit.horizon:
        return "out_of_bounds"
    if commit.oldest is not None and NO_TIME < time < commit.oldest:
        return "too_old"
    return ""


def _refusal_words(series: str, time: int, commit: Commit) -> str:
    if time > commit.horizon:
        # OpenMetrics has seconds where the text format has milliseconds.
        may_be = _may_be_seconds(time // 1_000_000, commit.timestamp)
        hint = "; was it in milliseconds for seconds?" if may_be else ""
        return f"{series} is of {time} ms, more than 10 minutes ahead{hint}"
    ago = (commit.timestamp - time) // 1000
    hint = "; is it in seconds?" if _may_be_seconds(time, commit.timestamp) else ""
    return f"{series} is of {time} ms, {ago} s before the scrape{hint}"


def _bounded(
    layout: Layout, times: array[int], moments: set[int], commit: Commit, counts: Counts
) -> Layout:
    """The layout less the series whose samples are from too far ahead or too long ago."""
    oldest = NO_TIME if commit.oldest is None else commit.oldest
    if (
        max(moments) <= commit.horizon
        and min(moments - {NO_TIME}, default=oldest) >= oldest
    ):
        return layout
    gone: set[int] = set()
    for labels, place in layout.series():
        reason = _refusal(times[place], commit)
        if reason:
            words = _refusal_words(labels.series(), times[place], commit)
            counts._refuse(reason, 1, words)
            gone.add(place)
    return layout.less(gone)


def _may_be_seconds(time: int, now: int) -> bool:
    """Whether a time reads as one of our days if it is taken in seconds."""
    return abs(time * 1000 - now) < 20 * 365 * 86_400_000


def _settled_twins(
    layout: Layout, samples: Samples, commit: Commit, counts: Counts
) -> tuple[array[float], array[int] | None]:
    """The vectors with one sample for each series that came more than once: the newest
    that may be taken, of equally new ones the first (S-6)."""
    values, times = samples.values[:], samples.times and samples.times[:]
    for first, *others in layout.twins:
        for other in others:
            reason = "duplicates"
            if times is not None:
                reason = _worse(times[first], times[other], commit)
            if not reason:
                counts.samples += 1  # the one that it takes the place of
                reason = _refusal(times[first], commit) if times is not None else ""
                values[first] = values[other]
                if times is not None:
                    times[first] = times[other]
                counts.samples -= bool(reason)
            if reason:
                counts._refuse(reason, 1, f"{_series_at(layout, first)} stands there twice")
    return values, times


def _worse(held: int, new: int, commit: Commit) -> str:
    """Why the second of two samples of one series is not the one to take; "" if it is."""
    reason = _refusal(new, commit)
    if reason or _refusal(held, commit):
        return reason
    ahead = (commit.timestamp if new == NO_TIME else new) - (
        commit.timestamp if held == NO_TIME else held
    )
    return "" if ahead > 0 else "out_of_order" if ahead else "duplicates"


def _series_at(layout: Layout, place: int) -> str:
    return next((labels.series() for labels, at in layout.series() if at == place), "")


def _settled(scrape: Scrape, held: Scrape, counts: Counts) -> Scrape:
    """The scrape with the held sample wherever the new one has a timestamp of its own
    and is not newer, and does not say the same."""
    pairs = _not_newer(scrape, held, counts)
    if not pairs:
        return scrape
    values, times = scrape.values[:], scrape._times()
    exemplars = dict(scrape.exemplars)
    for place, before in pairs:
        new, old = times[place], held.time(before)
        reason = _lateness((new, values[place]), (old, held.value(before)))
        name = "" if counts.example else _series_at(scrape.layout, place)
        counts._refuse(reason, 1, _late_words(name, new, old))
        times[place], values[place] = old, held.value(before)
        exemplars.pop(place, None)
        if before in held.exemplars:
            exemplars[place] = held.exemplars[before]
    return attrs.evolve(scrape, values=values, times=times, exemplars=exemplars)


def _not_newer(scrape: Scrape, held: Scrape, counts: Counts) -> list[tuple[int, int]]:
    """The places of samples that are not newer than those held, and where these are;
    less those that say the same as what is held."""
    times, was = scrape._times(), held._times()
    if scrape.layout is held.layout and not held.layout.twins:
        late = there = list(compress(range(len(times)), map(le, times, was)))
    else:
        where = scrape.layout.places_in(held.layout)
        late = [
            at for at, time in enumerate(times) if where[at] >= 0 and time <= was[where[at]]
        ]
        there = [where[at] for at in late]
    counts.samples -= len(late)
    new, before = scrape.values, held.values
    return [
        (at, old)
        for at, old in zip(late, there, strict=True)
        if (new[at] != before[old] or times[at] < was[old])
        and _lateness((times[at], new[at]), (was[old], before[old]))
    ]


def _lateness(new: tuple[int, float], held: tuple[int, float]) -> str:
    """Why a sample that is not newer than the one held is not taken, as the name of a
    count; "" if it says the same."""
    if new[0] < held[0]:
        return "out_of_order"
    return "" if is_same(new[1], held[1]) else "duplicates"


def _late_words(name: str, new: int, old: int) -> str:
    if new == old:
        return f"{name} has another value at {new} ms already"
    return f"{name} is of {new} ms, and one of {old} ms is held"


# Updates


def _in_order(samples: Samples) -> list[tuple[Labels, int]]:
    """The series and their places, in the order in which they came."""
    found = [
        each
        for rows in chain.from_iterable(map(without_empty, samples.rows))
        for each in zip(rows.labels(), rows.places, strict=True)
    ]
    return sorted(found, key=itemgetter(1))


def _time(commit: Commit, at: int) -> int:
    times = commit.samples.times
    time = NO_TIME if times is None else times[at]
    return commit.timestamp if time == NO_TIME else time


def _is_taken(
    new: tuple[int, float],
    held: tuple[int, float] | None,
    labels: Labels,
    commit: Commit,
    counts: Counts,
) -> bool:
    """Whether a sample of an update is taken; it is counted in either case."""
    if new[0] > commit.horizon:
        words = _refusal_words(labels.series(), new[0], commit)
        counts._refuse("out_of_bounds", 1, words)
    elif held is None or new[0] > held[0]:
        counts.samples += 1
        return True
    elif reason := _lateness(new, held):
        counts._refuse(reason, 1, _late_words(labels.series(), new[0], held[0]))
    return False
