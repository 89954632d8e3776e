"""Bodies for the tests of the exposition: well-formed ones, and ways to spoil them."""

from __future__ import annotations

from hypothesis import strategies as st

from promlatest.exposition import Exposition, Format

CONTENT = {
    "text": "text/plain; version=0.0.4",
    "openmetrics": "application/openmetrics-text; version=1.0.0",
}

VALUES = ["0", "1", "-2.5", "1e+06", "NaN", "+Inf", "-Inf", "inf", ".5", "1e-320"]
LABEL_VALUES = [
    "",
    "x",
    "pods",
    "a b",
    "a,b",
    "{}",
    "é",
    "\u2028",
    r"\\",
    r"\"",
    r"\n",
    r"\q",
    "#",
    "1 2",
    "\r",
    "\0",
    "}",
    "=",
]
BOUNDS = ["1", "1.0", "0.005", "1e6", "+Inf", "inf", "x", "100000"]
LABELS = ["x", "y", "le", "quantile", '"my.label"']
NAMES = ["a", "a_bucket", "b_total", ":c", '{"my.name"']

# What a reader takes, and, now and then, what it refuses: a body with one bad line says
# nothing about the others.
ENDS = {
    "text": ["", "", "", "", " 5", " ", "\t5 ", "  7"],
    "openmetrics": [
        "",
        "",
        "",
        "",
        " 5",
        " -1.5",
        ' # {t="1"} 2',
        ' 1 # {t="1",u="\\\\"} 2 3',
    ],
}
BAD_LINES = [
    "a 1_0",
    "a 1e400",
    "a ",
    "a 1 x",
    'a{x="1",x="2"} 1',
    "a 1 2 3",
    "a 1\r",
    "# TYPE a other",
    "a 1 # {} x",
]
META = {
    "text": [
        "#",
        "# free",
        "",
        "  ",
        "# EOF",
        "# UNIT a x",
        "# HELP a x",
        "# TYPE a untyped",
    ],
    "openmetrics": [
        "# UNIT a_s s",
        "# UNIT a ",
        "# HELP a ",
        "# TYPE a gaugehistogram",
        "# TYPE a unknown",
    ],
}
BOTH_META = [
    "# TYPE a counter",
    "# TYPE a gauge",
    "# TYPE b histogram",
    "# TYPE b_total summary",
    '# TYPE "my.name" histogram',
    r"# HELP a x \n \" \\",
    "# HELP :c é",
]
BLANKS = {"text": ["", " ", "\t"], "openmetrics": [""]}


@st.composite
def sample_lines(draw: st.DrawFn, syntax: Format) -> str:
    """One sample; few forms come again and again."""
    name = draw(st.sampled_from(NAMES))
    pairs = []
    for label in draw(st.lists(st.sampled_from(LABELS), max_size=2, unique=True)):
        values = BOUNDS if label in ("le", "quantile") else LABEL_VALUES
        pairs.append(f'{label}="{draw(st.sampled_from(values))}"')
    separator = "," + draw(st.sampled_from(BLANKS[syntax]))
    if name.startswith("{"):
        series = separator.join([name, *pairs]) + "}"
    else:
        series = name + (f"{{{separator.join(pairs)}}}" if pairs else "")
    return f"{series} {draw(st.sampled_from(VALUES))}{draw(st.sampled_from(ENDS[syntax]))}"


@st.composite
def bodies(draw: st.DrawFn, syntax: Format) -> str:
    """A body of some lines, of which many share a form and few are bad."""
    sample = sample_lines(syntax)
    meta = st.sampled_from(META[syntax] + BOTH_META)
    lines = draw(st.lists(st.one_of(sample, sample, sample, meta), max_size=14))
    if draw(st.integers(0, 5)) == 5:
        lines.insert(draw(st.integers(0, len(lines))), draw(st.sampled_from(BAD_LINES)))
    body = "".join(f"{line}\n" for line in lines)
    return body + "# EOF\n" if syntax == "openmetrics" else body


SPLICES = [
    "\n",
    "\r",
    "\0",
    '"',
    "\\",
    "}",
    "{",
    " ",
    "\t",
    "#",
    ",",
    "=",
    "1",
    "é",
    "\u2028",
    '"x',
    "# EOF",
]


@st.composite
def spoiled_bodies(draw: st.DrawFn, syntax: Format) -> str:
    """A body into which pieces were put, or from which pieces were taken."""
    body = draw(bodies(syntax))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(body)))
        taken = draw(st.integers(0, 2))
        body = body[:at] + draw(st.sampled_from(SPLICES)) + body[at + taken :]
    return body


def said(exposition: Exposition) -> list[object]:
    """What an exposition says, in a form that compares NaN as equal."""
    samples = [repr(sample) for sample in exposition.samples()]
    return [samples, dict(exposition.metadata), exposition.diagnostics, exposition.format]
