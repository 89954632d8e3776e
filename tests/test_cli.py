"""The command line: what it prints, where to, and the exit codes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import scrape_servers
from served import TEXT, Answer, Served

from promlatest.cli import _COMMANDS, main
from promlatest.cli._exits import DONE, UNREADABLE, USAGE
from promlatest.demo import serve
from promlatest.exposition import parse
from promlatest.testing import Cut, FakeTarget

pytestmark = pytest.mark.slow

BODY = """\
# HELP depth Items waiting.
# TYPE depth gauge
depth{queue="pods"} 3
depth{queue="nodes"} NaN
# TYPE wait_seconds histogram
wait_seconds_bucket{queue="pods",le="0.1"} 1
wait_seconds_bucket{queue="pods",le="+Inf"} 2
wait_seconds_sum{queue="pods"} 0.7
wait_seconds_count{queue="pods"} 2
"""


@pytest.fixture
def body(tmp_path: Path) -> str:
    file = tmp_path / "metrics.prom"
    file.write_text(BODY)
    return str(file)


@pytest.fixture
def endpoint() -> Iterator[Callable[[Answer], str]]:
    """Serves one answer (status, Content-Type, body) for every request."""
    answers: list[Answer] = []

    def answer_with(answer: Answer) -> str:
        answers.append(answer)
        return served.address

    with Served(lambda _: answers[-1]) as served:
        yield answer_with


@pytest.fixture(scope="module")
def operator() -> Iterator[str]:
    with serve() as url:
        yield url


def run(*arguments: str) -> int:
    return main(arguments)


def test_get_prints_the_series(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`get` prints what matches, sorted, and nothing else."""
    code = run("get", body, 'depth{queue=~"p.*"}')

    assert code == 0
    assert capsys.readouterr().out == 'depth{queue="pods"} 3\n'


def test_get_without_selector_prints_all(
    body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a selector `get` prints every series."""
    assert run("get", body) == 0

    assert len(capsys.readouterr().out.splitlines()) == 6


def test_what_get_prints_can_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A scrape that get has printed is read by get, whatever its names need."""
    kept = tmp_path / "kept.prom"
    kept.write_text('{"queue.depth",a="1"} 1\n{"queue.depth"} NaN\nup{"a.b"="2"} -0\n')
    run("get", str(kept))
    printed = capsys.readouterr().out

    kept.write_text(printed)

    assert run("get", str(kept)) == 0
    assert capsys.readouterr().out == printed


def test_samples_that_are_not_taken_are_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever reads a file of yesterday hears why it has nothing to show."""
    kept = tmp_path / "kept.prom"
    kept.write_text("depth 1 1700000000000\n")

    assert run("get", str(kept)) == 1

    said = capsys.readouterr().err
    assert f"file:{kept}: samples not taken: 1, the first since depth is of" in said


@pytest.mark.skipif(sys.platform == "darwin", reason="names of files are UTF-8 there")
def test_a_file_whose_name_is_no_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bytes that are no UTF-8 may name a file; they are escaped where they are shown."""
    file = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.prom")
    Path(file).write_text("depth 1\n")

    for words in (["get"], ["query", "depth"], ["top", "--once", "--interval", "0"]):
        assert run(words[0], file, *words[1:]) == 0
    assert run("contract", "write", file, f"{file}.contract") == 0
    assert all(line.isprintable() for line in "".join(capsys.readouterr()).splitlines())


def test_get_as_json(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints one document; JSON has no NaN, so it is a text."""
    run("get", body, "depth", "--json")
    found = json.loads(capsys.readouterr().out)

    assert [(point["labels"]["queue"], point["value"]) for point in found] == [
        ("nodes", "NaN"),
        ("pods", 3.0),
    ]


def test_nothing_matches(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing matches, the data is empty, the talk says so, the code is 1."""
    code = run("get", body, "missing")

    assert (code, *capsys.readouterr()) == (1, "", "no series for missing\n")


def test_a_selector_that_cannot_be_read(
    body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong selector is shown with the place, and the code is 2."""
    code = run("get", body, "depth{queue}")
    out, err = capsys.readouterr()

    assert (code, out) == (2, "")
    assert "expected one of = != =~ !~" in err
    assert err.rstrip().endswith("^")


def test_histogram_draws_bars(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`histogram` draws a row for each bucket and the figures below."""
    code = run("histogram", body, "wait_seconds", "queue=pods", "--width", "60")
    out = capsys.readouterr().out

    assert code == 0
    assert [word in out for word in ("100 ms", "+Inf", "count 2", "p99")] == [True] * 4


@pytest.mark.parametrize("width", [40, 41, 60, 80, 200])
def test_nothing_is_wider_than_asked_for(
    body: str, width: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """No line is wider than the width, from 40 columns up."""
    run("histogram", body, "wait_seconds", "--width", str(width))
    run("top", body, "--once", "--width", str(width))

    assert max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_json_holds_nothing_that_a_terminal_obeys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a label value holds, `--json` prints it escaped, and it reads back."""
    value = "\x1b[2J\x7f\x9b\u202e\u2028\ufeff\U000e0041é容"
    file = tmp_path / "m.prom"
    file.write_text(f'depth{{queue="{value}"}} 3\n')
    run("get", str(file), "--json")
    printed = capsys.readouterr().out

    assert printed.replace("\n", "").isprintable()
    assert "é容" in printed
    assert json.loads(printed)[0]["labels"]["queue"] == value


def test_a_job_that_is_not_supported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refusal of a configuration names the option that leaves the job out."""
    pytest.importorskip("cattrs")
    file = tmp_path / "prometheus.yml"
    file.write_text("- {job_name: k8s, kubernetes_sd_configs: [{role: pod}]}\n")
    assert run("serve", "--config", str(file)) == 2
    refused = capsys.readouterr().err
    assert run("serve", "--config", str(file), "--skip-unsupported") == 2
    left_out = capsys.readouterr().err

    assert "(the job 'k8s'; --skip-unsupported leaves such jobs out)" in refused
    assert "give at least one TARGET" in left_out


def test_advice_about_tls_names_options(capsys: pytest.CaptureFixture[str]) -> None:
    """What is advised about TLS are options of the command line."""
    with scrape_servers.start() as servers:
        assert run("get", f"https://127.0.0.1:{servers.tls}/t/good") == 3
        untrusted = capsys.readouterr().err
        trusting = ("--ca-file", str(servers.folder / "ca.pem"))
        assert run("get", f"https://127.0.0.1:{servers.tls}/t/good", *trusting) == 3
        misnamed = capsys.readouterr().err
        named = (*trusting, "--server-name", "good.test")
        assert run("get", f"https://127.0.0.1:{servers.tls}/t/good", *named) == 0

    assert "give the --ca-file of who signed it, or --insecure-skip-verify" in untrusted
    assert "give the --server-name that it is made for" in misnamed


def test_histogram_as_json(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`histogram --json` prints a list, one for each histogram."""
    run("histogram", body, "wait_seconds", "--json")
    (found,) = json.loads(capsys.readouterr().out)

    assert found["count"] == 2
    assert found["buckets"][-1]["le"] == "+Inf"


def test_no_histogram(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A histogram that is not there is named, and the code is 1."""
    code = run("histogram", body, "wait_seconds", "queue=none")

    assert (code, capsys.readouterr().err) == (
        1,
        "no histogram for wait_seconds queue=none\n"
        '  no series of wait_seconds_count has queue="none"; there is pods\n',
    )


def test_check_of_a_good_body(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` is silent about a good body, and the code is 0."""
    file = tmp_path / "good.prom"
    file.write_text("# HELP up Whether it is up.\n# TYPE up gauge\nup 1\n")

    assert run("check", str(file)) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("time", "words"),
    [("1700000000", "; is it in seconds?"), ("99999999999999", "10 minutes ahead")],
)
def test_check_tells_of_times_that_no_scraper_takes(tmp_path, capsys, time, words) -> None:
    """Beside the findings; the code is theirs, since a file may be of yesterday."""
    file = tmp_path / "late.prom"
    file.write_text(f"# HELP up Whether it is up.\n# TYPE up gauge\nup 1 {time}\n")

    assert run("check", str(file)) == 0
    told = capsys.readouterr().err
    assert "samples not taken: 1, the first since up is of" in told
    assert words in told


def test_check_of_a_bad_body(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` names line and column of every finding, and the code is 1."""
    file = tmp_path / "bad.prom"
    file.write_text('# HELP up Up.\n# TYPE up gauge\nup 1\nup{a="b} 1\n')

    assert run("check", str(file), "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found[0]["line"], found[0]["action"]) == (4, "skipped")


def test_check_lets_pass_what_is_ignored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The names of others are nobody's to mend; what fits no pattern fails all the same."""
    file = tmp_path / "camel.prom"
    file.write_text("# HELP upNow Up.\n# TYPE upNow gauge\nupNow 1\n")

    assert run("check", str(file), "--ignore", "*camelCase*") == 0
    assert "0 findings, 1 ignored" in capsys.readouterr().err
    assert run("check", str(file), "--ignore", "*legacy_*") == 1
    assert "camelCase: 'upNow'" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["demo"], ["serve", ":1"]], ids=["demo", "serve"])
@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_ports_that_are_none(
    command: list[str], port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A port that cannot be is wrong usage, and no traceback."""
    with pytest.raises(SystemExit):
        run(*command, f"--port={port}")

    assert "argument --port: expected a" in capsys.readouterr().err


@pytest.mark.parametrize("words", [
    ["top", "FILE", "--once", "--width"], ["query", "FILE", "x", "--scrapes"],
    ["get", "FILE", "--limit"], ["demo", "--seed"],
])  # fmt: skip
def test_no_number_is_too_large_for_a_word(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Four hundred digits are wrong usage, told in a line that can be read."""
    file = tmp_path / "metrics.prom"
    file.write_text("x 1\n")
    given = [str(file) if word == "FILE" else word for word in words]
    digits = "1" + "0" * 400
    with contextlib.suppress(SystemExit):
        run(*given, f"series={digits}" if words[-1] == "--limit" else digits)
    said = capsys.readouterr()
    assert "expected a whole number" in said.err
    assert "0" * 50 not in said.err
    assert said.out == ""


def test_wait_offers_no_standard_input(capsys: pytest.CaptureFixture[str]) -> None:
    """The help of a command names no target that the command refuses."""
    with pytest.raises(SystemExit):
        run("wait", "--help")
    assert "stdin" not in capsys.readouterr().out


def test_top_of_an_operator(operator: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`top` shows a row for each controller of an operator."""
    code = run("top", operator, "--once", "--width", "100", "--histogram")
    out = capsys.readouterr().out

    assert code == 0
    names = ("backups", "certificates", "nodes", "pods", "restores")
    assert [name in out for name in names] == [True] * 5
    assert 'controller_runtime_reconcile_time_seconds{controller="backups"}' in out


def test_top_of_an_operator_as_json(
    operator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`top --json` prints the same rows as data."""
    run("top", operator, "--once", "--json")
    found = json.loads(capsys.readouterr().out)

    assert found["kind"] == "operator"
    assert len(found["controllers"]) == 5


def test_top_of_anything_else(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An endpoint that is no operator is shown as its metrics."""
    run("top", body, "--once", "--json")
    found = json.loads(capsys.readouterr().out)

    assert found["kind"] == "metrics"
    assert [row["name"] for row in found["metrics"]] == ["depth", "wait_seconds"]


def test_top_demo(capsys: pytest.CaptureFixture[str]) -> None:
    """`top --demo` starts the demo operator, scrapes it over HTTP and shows it."""
    assert run("top", "--demo", "--once", "--width", "80") == 0

    assert "certificates" in capsys.readouterr().out


def test_a_contract_is_kept_and_broken(
    body: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`contract write` keeps what is there; `check` says what broke, with code 1."""
    file = str(tmp_path / "shop.contract")
    assert run("contract", "write", body, file, "--ignore", "wait*") == 0
    assert run("contract", "check", body, file) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "wait_seconds: a new histogram (allowed)" in told.err

    Path(body).write_text(BODY.replace("depth", "length"))
    assert run("contract", "check", body, file) == 1
    assert capsys.readouterr().out.startswith("depth: missing")


def test_a_contract_is_written_over_its_marks(body: str, tmp_path: Path) -> None:
    """`contract write` keeps the marks of the contract that it replaces."""
    file = tmp_path / "shop.contract"
    file.write_text("?depth gauge queue\n?rare_total counter\n")

    assert run("contract", "write", body, str(file)) == 0
    assert "?depth gauge queue\n?rare_total counter\n" in file.read_text()


def test_a_contract_that_cannot_be_written(
    body: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A contract in a folder that is not there is a wrong call."""
    assert run("contract", "write", body, str(tmp_path / "none" / "x")) == 2

    assert "No such file" in capsys.readouterr().err


HTML = b"<!DOCTYPE html><html><body>hello</body></html>"

ANSWERS = {
    "404": ((404, "text/plain", b"nothing here"), 3, "404"),
    "401": ((401, "text/plain", b""), 3, "401"),
    "500": ((500, "text/plain", b"oops"), 3, "500"),
    "an HTML page": ((200, "text/html; charset=utf-8", HTML), 4, "text/html"),
    "no Content-Type": ((200, "", b"a 1\n"), 4, "Content-Type"),
    "a body cut in the middle": ((200, "text/plain", b'a 1\nb{c="d'), 4, "line 2, column"),
}


@pytest.mark.parametrize("command", ["get", "top", "check", "histogram"])
@pytest.mark.parametrize("name", ANSWERS)
def test_what_cannot_be_used(
    name: str, command: str, endpoint: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A target that cannot be used ends in words that name it, without a traceback; the
    code tells unreachable (3) from unreadable (4). `check` reports a broken line itself."""
    answer, code, words = ANSWERS[name]
    target = endpoint(answer)
    more = ["x"] if command == "histogram" else []
    if command == "check" and code == 4 and "line" in words:
        assert run(command, target) == 1
        return

    assert run(command, target, *more) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert target in err
    assert words in err


def test_a_body_that_breaks_off(capsys: pytest.CaptureFixture[str]) -> None:
    """A connection that ends before the body does: the answer cannot be read (4)."""
    with FakeTarget(Cut({"jobs_total": 1})) as fake:
        assert run("get", fake.url) == 4

    assert "broke off" in capsys.readouterr().err


def test_an_empty_body(endpoint: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A zero-byte answer is a healthy one that exposes nothing (C-3)."""
    target = endpoint((200, "text/plain", b""))

    assert run("get", target) == 1
    assert run("top", target, "--once") == 0


def test_a_dead_port(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody listens, the words say how an operator is made to."""
    assert run("get", "127.0.0.1:1") == 3

    err = capsys.readouterr().err
    assert "refused" in err
    assert "--metrics-bind-address" in err


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be read is named."""
    assert run("get", "file:/no/such/file") == 3

    assert "/no/such/file" in capsys.readouterr().err


def test_standard_input() -> None:
    """`-` reads the standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "promlatest", "get", "-", "a"],
        input=b"a 1\nb 2\n",
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"a 1\n", b"")


def test_a_reader_that_has_seen_enough(body: str) -> None:
    """A closed pipe ends the command quietly."""
    command = f"{sys.executable} -m promlatest get {body} | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)

    assert done.stderr == b""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` prints the version."""
    with pytest.raises(SystemExit) as end:
        run("--version")

    assert end.value.code == 0
    assert capsys.readouterr().out.startswith("promlatest 0.")


def test_a_bare_call_prints_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the help is printed, as talk, and the code is 2."""
    assert run() == 2

    told = capsys.readouterr()
    assert told.out == ""
    assert [name in told.err for name in _COMMANDS] == [True] * len(_COMMANDS)


@pytest.mark.parametrize("name", _COMMANDS)
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command's help opens with a sentence and ends in examples of itself."""
    with pytest.raises(SystemExit) as end:
        run(name, "--help")

    told = capsys.readouterr().out
    assert end.value.code == 0
    assert f"examples:\n  promlatest {name}" in told


def test_options_stand_anywhere(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An option may stand before the last optional argument."""
    assert run("get", body, "--json", "depth") == 0
    assert run("histogram", "--width", "60", body, "wait_seconds", "queue=pods") == 0
    assert run("histogram", body, "wait_seconds", "--json", "queue=none") == 1


def test_a_command_is_loaded_when_it_is_used(body: str) -> None:
    """No command pays for another: `get` of a file loads no demo, no harness, no client."""
    code = (
        "import sys; from promlatest.cli import main; main(['get', sys.argv[1]]);"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, body]
    done = subprocess.run(command, capture_output=True, check=True, text=True)

    loaded = set(done.stderr.split())
    assert "promlatest.cli.get" in loaded
    needless = ("cli.top", "demo", "testing", "tui", "scrape._http", "scrape._config")
    assert [name for name in needless if f"promlatest.{name}" in loaded] == []
    assert loaded.isdisjoint({"aiohttp", "yaml", "textual", "argcomplete"})


@pytest.mark.parametrize("arguments", [["nonsense"], ["get"], ["top", "--width", "x"]])
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong arguments end with code 2 and a usage on standard error."""
    with pytest.raises(SystemExit) as end:
        run(*arguments)

    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("usage: promlatest")


def test_wrong_usage_of_a_command_shows_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """An argument too many: the usage is that of the command that does not take it."""
    with pytest.raises(SystemExit) as end:
        run("get", ":1", "up", "extra")

    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "usage: promlatest get TARGET [SELECTOR] [options]\n"
        "promlatest get: error: unrecognized arguments: extra\n"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gte", ":1"], "there is no command 'gte'; did you mean: promlatest get"),
        ([":8080"], "there is no command ':8080'; did you mean: promlatest top :8080"),
        (["histogram", ":1"], "the following arguments are required: METRIC\n"),
    ],
)
def test_what_was_probably_meant_by_wrong_usage(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that is misspelt, a target without one, and only what is lacking."""
    with pytest.raises(SystemExit):
        run(*words)

    assert said in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_timeout_that_is_none(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told of the option, whatever the command asks."""
    with pytest.raises(SystemExit):
        run("get", ":1", "--timeout", seconds)

    expected = f"argument --timeout: expected seconds above 0, not '{seconds}'"
    assert expected in capsys.readouterr().err


def test_a_history_of_one_scrape(capsys: pytest.CaptureFixture[str]) -> None:
    """It is refused by the name of the option: no rate comes of one scrape."""
    assert run("serve", ":1", "--history", "1") == 2
    assert "--history: expected at least 2 scrapes, not 1" in capsys.readouterr().err


IDLE = [
    (["get", "FILE", "--interval", "5"], "--interval", "--watch"),
    (["get", "FILE", "--header", "A: b"], "--header", "over HTTP"),
    (["get", "FILE", "--bearer-token-file", "t"], "--bearer-token-file", "over HTTP"),
    (["check", ":1", "--ca-file", "ca.pem"], "--ca-file", "https://"),
    (["get", "https://a:1", "--key-file", "k.pem"], "--key-file", "--cert-file"),
    (["query", "FILE", "1", "--interval", "5"], "--interval", "--scrapes of 2 or more"),
    (["contract", "check", "FILE", "c", "--optional", "a"], "--optional", "contract write"),
    (["rules", "check", "FILE", "FILE", "--scrapes", "3"], "--scrapes", "rules eval"),
    (["wait", ":1", "up", "--present", "--from-zero"], "--from-zero", "--increases-by"),
    (["wait", ":1", "up", "--increases-by", "1", "--already-ok"], "--already-ok", "--at-l"),
    (["top", "FILE", "--seed", "2"], "--seed", "--demo"),
    (["top", "FILE", "--skip-unsupported"], "--skip-unsupported", "--config"),
    (["top", "FILE", "--once", "--theme", "light"], "--theme", "the dashboard"),
    (["top", "--config", "c.yml", "--header", "A: b"], "--header", "over HTTP"),
    (["serve", "FILE", "--seed", "2"], "--seed", "--demo"),
]


@pytest.mark.parametrize(
    ("words", "option", "partner"), IDLE, ids=[" ".join(words) for words, *_ in IDLE]
)
def test_an_option_that_changes_nothing_is_refused(
    words: list[str],
    option: str,
    partner: str,
    body: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nobody relies on what nothing looks at; what it goes with is said."""
    assert run(*(body if word == "FILE" else word for word in words)) == 2

    said = capsys.readouterr().err
    assert said.startswith(f"promlatest: {option} changes nothing here: it goes with ")
    assert partner in said


def test_what_one_target_is_asked_with_is_not_idle(
    body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A header is for those of several targets that take one."""
    assert run("top", body, "127.0.0.1:1", "--once", "--header", "A: b") == 3

    assert "wait_seconds" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["get", "-", "--watch"], ["wait", "-", "up", "--present"]]
)
def test_the_standard_input_is_read_once(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What asks again and again refuses it."""
    assert run(*words) == 2

    assert "once" in capsys.readouterr().err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_no_time_between_two_looks(
    seconds: str, body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An interval that is none is refused."""
    assert run("get", body, "--watch", "--interval", seconds) == 2

    assert "--interval: expected seconds" in capsys.readouterr().err


def test_a_page_that_nobody_can_read(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A width below what a page needs is refused, and is not another one."""
    assert run("top", body, "--once", "--width", "10") == 2

    assert "expected 40 to 10000 columns, not 10" in capsys.readouterr().err


def test_the_demo_serves_until_it_is_ended() -> None:
    """`demo` prints its URL first and ends at SIGINT without a traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "promlatest", "demo", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = process.stdout.readline()
    process.send_signal(2)
    _, err = process.communicate(timeout=60)

    assert url.startswith("http://127.0.0.1:")
    assert process.returncode == 130
    assert "Traceback" not in err


# -- the first ten minutes ------------------------------------------------------------


def test_what_get_prints_is_read_again(
    body: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Data is never shortened, however narrow the terminal: it can be read back."""
    long = f'depth{{queue="{"q" * 300}",zone="é"}} 4\n'
    Path(body).write_text(f"{BODY}{long}")
    monkeypatch.setenv("COLUMNS", "40")
    assert run("get", body) == 0
    said = capsys.readouterr().out
    assert "…" not in said

    again = tmp_path / "again.prom"
    again.write_text(said)
    assert run("get", str(again)) == 0
    assert capsys.readouterr().out == said


def test_limits_can_be_given(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is past a limit is read where --limit allows for more, or for less."""
    Path(body).write_text(f'depth{{queue="{"q" * 70_000}"}} 4\n')
    assert run("get", body) == UNREADABLE
    assert "limit label_value_length, got 70000 at 'queue' of 'depth'" in (
        capsys.readouterr().err
    )
    assert run("get", body, "--limit", "label_value_length=70000") == DONE
    assert run("get", body, "--limit", "label_value_length=0") == DONE
    for command in ("get", "check"):
        assert run(command, body, "--limit", "body_size=64KB") == UNREADABLE
        assert "limit body_size of 65536 bytes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "limit", "said"),
    [
        ("get", "labels", "a limit as NAME=NUMBER"),
        ("get", "samples=3", "expected a limit of body_size, series, labels"),
        ("get", "labels=many", "a whole number for labels, not 'many'"),
        ("get", "labels=-1", "a whole number for labels"),
        ("get", "body_size=big", "a size such as 10MB"),
        ("check", "labels=3", "expected a limit of body_size, not 'labels'"),
    ],
)
def test_limits_that_are_none(
    command: str, limit: str, said: str, body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no limit, or none of this command, is said."""
    assert run(command, body, "--limit", limit) == USAGE
    assert said in capsys.readouterr().err


NEAR = [
    ("dept", "close names: depth"),
    ("DEPTH", "close names: depth"),
    ("wait_seconds", "is the name of a histogram; its series are wait_seconds_bucket"),
    ('wait_seconds_bucket{le="0.10"}', "there is 0.1"),
    ('depth{queue="pod"}', "there is pods"),
    ('depth{name="pods"}', "no series of depth has a label name; it has queue"),
]


@pytest.mark.parametrize(("selector", "words"), NEAR, ids=[each for each, _ in NEAR])
def test_what_was_probably_meant_is_said(
    selector: str, words: str, body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip, another case, a family's name, a bound written otherwise, a wrong label."""
    assert run("get", body, selector) == 1

    assert words in capsys.readouterr().err


@pytest.mark.parametrize("question", ["rate(depth[1m])", "sum by (queue) (depth)"])
def test_where_to_ask_what_no_selector_can(
    question: str, body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An expression is told from a selector that is spelt wrong."""
    assert run("get", body, question) == 2

    assert f"promlatest query {body} '{question}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("wait_second", "close names: wait_seconds"),
        ("wait_seconds_bucket", "the name of the histogram is wait_seconds"),
        ("depth", "depth is a gauge"),
        ("latency", "it has wait_seconds"),
    ],
)
def test_which_histogram_was_probably_meant(
    metric: str, words: str, body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same for histograms, in `histogram` and below a page."""
    assert run("histogram", body, metric) == 1
    assert words in capsys.readouterr().err
    assert run("top", body, "--once", "--histogram", metric) == 1
    assert words in capsys.readouterr().err


def test_a_histogram_by_selector(body: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What says which series says which histograms, in `histogram` and below a page."""
    for selector in ('wait_seconds{queue=~"po.*"}', '{__name__="wait_seconds"}'):
        assert run("histogram", body, selector) == 0
        assert 'queue="pods"' in capsys.readouterr().out
        assert run("top", body, "--once", "--histogram", selector) == 0
        assert "p99" in capsys.readouterr().out

    assert run("histogram", body, 'wait_seconds{queue="pod"}') == 1
    assert "there is pods" in capsys.readouterr().err
    assert run("histogram", body, '{queue="pods"}') == 2
    assert "expected the name of one histogram" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["./nofile.prom", "/tmp", "/no/such/file"])
def test_a_path_is_a_path(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What begins as a path is looked for as one, and no host is talked about."""
    assert run("get", path) == 3

    said = capsys.readouterr().err
    assert "host" not in said
    assert "irectory" in said


def test_a_dead_target_keeps_no_other_from_its_page(
    body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that answer are shown; the code is that of the one that does not."""
    assert run("top", body, "127.0.0.1:1", body, "--once") == 3
    assert capsys.readouterr().out.count("wait_seconds") == 2

    assert run("top", body, "127.0.0.1:1", "--json") == 3
    first, second = json.loads(capsys.readouterr().out)
    assert first["target"] == f"file:{body}"
    assert "refused" in second["error"]


def test_the_demo_is_no_target_among_others(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that was given is left out in silence."""
    assert run("top", "--demo", ":28100", "--once") == 2

    assert "not both" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "output", "why"),
    [
        ("get FILE", "> /dev/full", "No space left on device"),
        ("--help", "> /dev/full", "No space left on device"),
        ("get FILE", ">&-", "it is closed"),
    ],
)
def test_an_output_that_cannot_be_written(
    words: str, output: str, why: str, body: str
) -> None:
    """A full disk is said in a word, and has an exit code."""
    command = f"{sys.executable} -m promlatest {words.replace('FILE', body)} {output}"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=False
    )

    assert done.returncode == 5
    assert done.stderr == f"promlatest: cannot write the output: {why}\n"


def test_an_interrupt_while_a_command_is_loaded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is no traceback at any time."""

    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("promlatest.cli.import_module", interrupted)

    assert run("get", ":1") == 130
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["get", "histogram", "top"])
def test_a_locale_without_other_characters(command: str, body: str) -> None:
    """Data is UTF-8 where it is piped; pages hold nothing that the locale lacks."""
    Path(body).write_text(BODY.replace("nodes", "é"))
    words = [body, "wait_seconds"] if command == "histogram" else [body]
    done = subprocess.run(
        [sys.executable, "-m", "promlatest", command, *words],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )

    assert (done.returncode, done.stderr) == (0, b"")
    if command == "get":
        assert 'queue="é"' in done.stdout.decode()


def test_a_configuration_without_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong with the file is told, and only then that a dashboard cannot be."""
    pytest.importorskip("cattrs")
    file = tmp_path / "prometheus.yml"
    assert run("top", "--config", str(file)) == 2
    missing = capsys.readouterr().err
    file.write_text("- {job_name: a, static_configs: [{targets: [':1']}]}\n")
    assert run("top", "--config", str(file)) == 2

    assert "prometheus.yml cannot be read: No such file" in missing
    assert "needs a terminal" in capsys.readouterr().err


def test_a_selector_in_a_locale_without_its_letters(body: str) -> None:
    """It is UTF-8 where the locale knows ASCII only, and a path stays as it is there."""
    path = Path(body).with_name("é.prom")
    path.write_text(BODY.replace("nodes", "é"))
    unset = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "POSIX"}
    words = [str(path), '{queue="é"}']
    done = subprocess.run(
        [sys.executable, "-m", "promlatest", "get", *words],
        capture_output=True,
        check=False,
        env={**os.environ, **unset},
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert 'queue="é"' in done.stdout.decode()


# -- waiting and watching -------------------------------------------------------------


@pytest.fixture
def growing() -> Iterator[str]:
    """An endpoint that counts how often it was asked."""
    asked = [0]

    def answer(_: str) -> Answer:
        asked[0] += 1
        body = f"# TYPE asked_total counter\nasked_total {asked[0]}\nidle 7\n"
        return 200, TEXT, body.encode()

    with Served(answer) as served:
        yield served.address


WAITS = [
    (["asked_total", "--at-least", "3"], 0, "after"),
    (["asked_total", "--increases-by", "2"], 0, "after"),
    (["idle", "--at-least", "7"], 1, "proves nothing"),
    (["idle", "--at-least", "7", "--already-ok"], 0, "after"),
    (["idle", "--at-least", "7", "--within", "1"], 1, "say --already-ok"),
    (["idle", "--equals", "8", "--within", "300ms"], 1, "did not"),
    (["idle", "--increases-by", "1", "--within", "300ms"], 1, "behind --"),
    (["asked_totl", "--present", "--within", "300ms"], 1, "asked_total"),
    (["idel", "--absent", "--within", "300ms"], 1, "idle"),
    (["asked_total", "--increases-by", "0.5"], 1, "past"),
    (["idle", "--at-least", "7", "--settle", "1s"], 2, "--settle changes nothing"),
    (["idle", "--at-most", "1", "--within", "0"], 2, "above 0"),
    (["idle", "--increases-by", "0"], 2, "above 0"),
    (["idel", "--absent", "--already-ok"], 1, "did you mean idle"),
    (["sum(idle)", "--present"], 2, "is PromQL"),
]


@pytest.mark.parametrize(
    ("words", "code", "said"), WAITS, ids=[" ".join(w) for w, *_ in WAITS]
)
def test_waiting(
    words: list[str],
    code: int,
    said: str,
    growing: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It ends as the harness does: vacuous, past the goal, a slip and too late are 1."""
    assert run("wait", growing, *words) == code

    told = capsys.readouterr()
    assert said in told.err
    assert bool(told.out) is (code == 0)
    assert not re.search(r"_ok=|to_\w+|on_reset", told.err)  # advice for Python


def test_waiting_for_a_dead_target(capsys: pytest.CaptureFixture[str]) -> None:
    """What could not be seen is no failed condition."""
    assert run("wait", "127.0.0.1:1", "up", "--present", "--within", "300ms") == 3


def test_waiting_runs_what_is_behind_the_dashes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the mark, so that what it does counts; its failure is that of the wait."""
    file = tmp_path / "m.prom"
    file.write_text("# TYPE jobs_total counter\njobs_total 5\n")
    act = [sys.executable, "-c", f"open({str(file)!r}, 'w').write('jobs_total 7\\n')"]

    wait = ["wait", str(file), "jobs_total", "--increases-by", "2", "--within", "5s", "--"]
    assert run(*wait, *act) == 0
    assert capsys.readouterr().out == "7\n"
    assert run(*wait, sys.executable, "-c", "raise SystemExit(9)") == 9
    killed = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert run(*wait, sys.executable, "-c", killed) == 128 + signal.SIGTERM
    assert run(*wait, str(tmp_path / "nothing")) == 2


def test_waiting_for_a_counter_that_comes_into_being(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It counts from 0 where that is said, and else nothing tells from where."""
    file = tmp_path / "m.prom"
    act = [
        sys.executable,
        "-c",
        f"open({str(file)!r}, 'w').write('jobs_total{{q=\"a\"}} 2\\n')",
    ]

    wait = ["wait", str(file), 'jobs_total{q="a"}', "--increases-by", "2"]
    file.write_text("# TYPE jobs_total counter\n")
    assert run(*wait, "--", *act) == 1
    assert "--from-zero counts it from 0" in capsys.readouterr().err
    file.write_text("# TYPE jobs_total counter\n")
    assert run(*wait, "--from-zero", "--", *act) == 0


def test_waiting_as_json(growing: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What was seen, as data."""
    assert run("wait", growing, "asked_total", "--at-least", "3", "--json") == 0

    found = json.loads(capsys.readouterr().out)
    assert found["gain"] >= 1
    assert found["value"] >= 3


def test_waiting_for_what_json_cannot_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An infinity is a text in JSON, as `get --json` has it."""
    file = tmp_path / "m.prom"
    file.write_text("free +Inf\n")

    words = ["wait", str(file), "free", "--at-least", "1", "--already-ok", "--json"]
    assert run(*words) == 0

    assert json.loads(capsys.readouterr().out)["value"] == "+Inf"


def test_watching_prints_what_changed(growing: str) -> None:
    """Everything first, and then what is not what it was; it can be read again."""
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "promlatest",
            "get",
            growing,
            "--watch",
            "--interval",
            "0.2",
        ],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(7)]
        process.send_signal(2)
        assert process.wait(timeout=60) == 130

    assert lines[0].startswith("# 2")
    series = [line for line in lines if not line.startswith("#")]
    assert [line.split()[0] for line in series] == ["asked_total", "idle"] + [
        "asked_total"
    ] * 2
    parse("".join(lines))


def test_a_page_has_rates(growing: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`top --once` looks twice where that says more than once."""
    assert run("top", growing, "--once", "--interval", "0.1") == 0
    assert run("get", growing, "asked_total") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "asked_total 3"

    assert run("top", growing, "--once", "--interval", "0") == 0
    assert run("get", growing, "asked_total") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "asked_total 5"


def test_the_page_of_an_operator_has_rates(
    operator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And p50 and p99 of the time between the two looks."""
    assert run("top", operator, "--once", "--width", "120", "--interval", "0.3") == 0

    said = capsys.readouterr().out
    assert "errors/s" in said
    assert re.search(r"p50, p99 over [\d.]+ m?s", said)


COMPLETED = [
    ("promlatest hist", ["histogram"]),
    ("promlatest top --o", ["--once"]),
    ("promlatest contract ", ["check", "write"]),
]


@pytest.mark.parametrize(("line", "words"), COMPLETED, ids=[each for each, _ in COMPLETED])
def test_the_shell_completes(line: str, words: list[str], tmp_path: Path) -> None:
    """Commands, options and choices, as a shell asks for them."""
    pytest.importorskip("argcomplete")
    file = tmp_path / "said"
    subprocess.run(
        [sys.executable, "-m", "promlatest"],
        env={
            **os.environ,
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(file),
            "_ARGCOMPLETE_IFS": "\n",
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
        },
        check=False,
    )

    said = [word.strip() for word in file.read_text().split("\n")]
    assert set(words) <= set(said)
