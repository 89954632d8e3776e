"""Errors: one tree, and all of them travel."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from promlatest import Store, exceptions
from promlatest.exceptions import (
    AppenderClosedError,
    BodyError,
    ConnectError,
    ContentTypeError,
    CoverageError,
    EndpointError,
    EvaluationError,
    LabelError,
    LimitError,
    MissingExtraError,
    ParseError,
    PartialAnswerError,
    PatternError,
    PromlatestError,
    QueryError,
    SelectionError,
    SelectorError,
    ServerError,
    StatusError,
    TimeoutExceededError,
    UsageError,
)
from promlatest.exposition import parse
from promlatest.testing import ScrapeTarget

ERRORS = [
    PromlatestError("words"),
    UsageError("words"),
    LabelError("words"),
    PatternError("(", "missing"),
    SelectorError("a{", 2, "expected a name"),
    QueryError(1, 2, "words"),
    EvaluationError(1, 2, "words"),
    CoverageError(1, 2, "words", asked=1000, since=2000),
    SelectionError("words", 2),
    AppenderClosedError("words"),
    MissingExtraError("tui", "the dashboard"),
    EndpointError("words", target="t"),
    ConnectError("refused", target="t"),
    TimeoutExceededError("words", phase="body", target="t"),
    StatusError("words", status=404, target="t"),
    ServerError("words", status=422, kind="bad_data", reason="why", retry_after=1.5),
    ContentTypeError("words", content_type="text/html"),
    BodyError("words", target="t"),
    PartialAnswerError("words"),
    LimitError("words", limit="series", allowed=3, target="t"),
    ParseError(3, 1, "a{", "expected a name", target="t"),
]
KINDS = [type(error).__name__ for error in ERRORS]


def state(error):
    return type(error), str(error), error.args, vars(error)


def test_all_are_here():
    """This file looks at every error that there is."""
    assert sorted(KINDS) == exceptions.__all__


@pytest.mark.parametrize("error", ERRORS, ids=KINDS)
@pytest.mark.parametrize(
    "copied",
    [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_a_copy_has_everything(error, copied):
    """An error that was pickled or copied has its class, its words and its attributes."""
    error.add_note("a note")

    assert state(copied(error)) == state(error)


def test_no_terminal_obeys_what_others_wrote():
    """Names that others chose are escaped in errors, and the line breaks stay ours."""
    body = '{"\x1b[2J"} 1\nup{"\u202e"="2"} 1\n'
    store = Store()
    store.ingest(body)

    for question in (
        lambda: store.value("\x1b[2"),
        lambda: store.value("\ud800"),
        lambda: store.value("\x1b[2J", a="1"),
        lambda: ScrapeTarget(lambda: body).value("\x1b[2"),
    ):
        with pytest.raises((SelectionError, AssertionError)) as caught:
            question()
        assert all(line.isprintable() for line in str(caught.value).splitlines())


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield pool


def test_a_job_in_a_pool_may_raise_one(pool):
    """An error that a job in a process pool raises comes back, and the pool lives on."""
    error = pool.submit(parse, "a{ 1\n").exception(timeout=60)

    assert isinstance(error, ParseError)
    assert (error.line, error.column) == (1, 4)
    assert len(pool.submit(parse, "a 1\n").result(timeout=60)) == 1


def test_the_tree_is_drawn_as_it_is():
    """The tree in the module's words has every error below the one it inherits from."""
    drawn: list[tuple[int, str]] = []
    for line in exceptions.__doc__.splitlines():
        name = line.strip("│├└─ ").split(" ")[0]
        if name in exceptions.__all__:
            drawn.append((line.index(name), name))

    for at, (indent, name) in enumerate(drawn[1:], 1):
        above = next(n for other, n in reversed(drawn[:at]) if other < indent)
        assert getattr(exceptions, name).__bases__[0].__name__ == above
    assert sorted(name for _, name in drawn) == exceptions.__all__


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UsageError, ValueError),
        (SelectionError, LookupError),
        (MissingExtraError, ImportError),
        (ConnectError, OSError),
        (TimeoutExceededError, TimeoutError),
    ],
)
def test_python_has_its_own_word_for_some(error, kind):
    """Who catches Python's error of the same meaning catches ours."""
    assert issubclass(error, kind)


def test_a_connect_error_has_no_number():
    """A ConnectError says its words, and none of an OSError's own."""
    error = ConnectError("connection refused", target="http://a:1/")

    assert str(error) == "http://a:1/: connection refused"
    assert error.errno is None
