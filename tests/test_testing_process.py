"""Programs as targets: started, watched, and ended, however the tests end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from meanwhile import later

from promlatest.exceptions import UsageError
from promlatest.testing import FakeTarget, ScrapeTarget, TargetDownError
from promlatest.testing._process import free_port

pytestmark = pytest.mark.slow
posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


PROGRAM = """
import os, sys, time
from prometheus_client import Counter, Gauge, start_http_server
Counter("jobs", "Jobs.").inc()
Gauge("pid", "Whom to end.").set(os.getpid())
Gauge("parent_pid", "Who started it.").set(os.getppid())
print("listening on", sys.argv[1], flush=True)
start_http_server(int(sys.argv[1]), "127.0.0.1")
time.sleep(float(sys.argv[2]))
"""


def start(seconds: float, **options) -> ScrapeTarget:
    return ScrapeTarget.process(
        [sys.executable, "-c", PROGRAM, "{port}", str(seconds)], **options
    )


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended, and was not yet taken notice of, does
    not."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        return stat.rpartition(")")[2].split()[0] != "Z"
    told = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True
    )
    return told.stdout.strip()[:1] not in ("", "Z")


@posix
def test_a_program_is_started_and_ended():
    """A program is ready when its target is there, and gone when it is closed."""
    with start(60) as target:
        pid = int(target.value("pid"))
        assert target.value("jobs_total") == 1
        assert target.output == f"listening on {target.port}\n"
        assert target.url == f"http://127.0.0.1:{target.port}"
        assert is_running(pid)

    assert not is_running(pid)
    target.close()


def test_no_port_is_chosen_twice():
    """Programs that are not listening yet do not get the same port."""
    assert len({free_port() for _ in range(50)}) == 50


async def test_a_program_in_a_loop():
    """A program's metrics can be awaited."""
    with start(60) as target:
        assert await target.aio.value("jobs_total") == 1


@posix
def test_a_program_that_dies_ends_the_wait():
    """A wait does not outlive its program, and shows what it wrote."""
    with start(60) as target:
        pid = int(target.value("pid"))
        kill = later(lambda: time.sleep(0.05), lambda: os.kill(pid, signal.SIGKILL))
        with kill, pytest.raises(TargetDownError) as caught:
            target.expect("jobs_total").to_reach(2, within=60)

    assert "was ended by SIGKILL" in str(caught.value)
    assert "listening on" in str(caught.value)


@posix
def test_a_program_that_is_forgotten_ends_with_its_parent():
    """A process that never closes its target leaves no program behind."""
    parent = (
        "import sys; from promlatest.testing import ScrapeTarget;"
        "command = [sys.executable, *sys.argv[1:], '{port}', '60'];"
        "print(int(ScrapeTarget.process(command).value('pid')))"
    )
    told = subprocess.run(
        [sys.executable, "-c", parent, "-c", PROGRAM],
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert not is_running(int(told.stdout))


def wait_for_end(pid: int) -> None:
    """Being killed takes a moment; for ever is a failure of the whole run."""
    while is_running(pid):
        time.sleep(0.01)


STUBBORN = """
import signal, subprocess, sys
from prometheus_client import start_http_server
child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
child += "print('deaf', flush=True); time.sleep(60)"
worker = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
worker.stdout.readline()
print(worker.pid, flush=True)
start_http_server(int(sys.argv[1]), "127.0.0.1")
signal.pause()
"""


@posix
def test_what_a_program_has_started_is_ended_too():
    """A worker that does not listen to its end is ended by force."""
    with ScrapeTarget.process([sys.executable, "-c", STUBBORN, "{port}"]) as target:
        worker = int(target.output)
        assert is_running(worker)

    wait_for_end(worker)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("print('no config'); raise SystemExit(2)", "no config"),
        pytest.param("import os; os.kill(os.getpid(), 9)", "SIGKILL", marks=posix),
        ("import time; print('loading', flush=True); time.sleep(60)", "loading"),
    ],
)
def test_a_program_that_does_not_get_ready(program, words):
    """What a program wrote that cannot be scraped is in the failure."""
    with pytest.raises(TargetDownError) as caught:
        ScrapeTarget.process([sys.executable, "-c", program], ready=2)

    assert words in str(caught.value)


def test_a_program_that_is_not_there():
    """A command that cannot be started is a wrong call."""
    with pytest.raises(UsageError, match="no-such-program"):
        ScrapeTarget.process(["/no-such-program"])


# A stranger


def test_a_port_that_somebody_has_is_refused():
    """Whoever listens there would answer for the program, so it is not even started."""
    with FakeTarget({"jobs_total": 1}) as stranger:
        with pytest.raises(UsageError, match=f"port {stranger.port} already"):
            start(60, port=stranger.port)
        assert stranger.scrapes == []


STRANGER = """
import signal, subprocess, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
other = subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1], "60"], start_new_session=True)
signal.sigwait({signal.SIGUSR1})
"""


@posix
def test_an_answer_after_its_end_is_none():
    """A scrape that succeeds does not count, once the program has ended."""
    command = [sys.executable, "-c", STRANGER, "{port}", PROGRAM]
    with ScrapeTarget.process(command) as target:
        program, stranger = int(target.value("parent_pid")), int(target.value("pid"))
        try:
            os.kill(program, signal.SIGUSR1)
            os.waitid(os.P_PID, program, os.WEXITED | os.WNOWAIT)
            with pytest.raises(
                TargetDownError, match="answered by somebody else"
            ) as caught:
                target.value("jobs_total")
            with pytest.raises(TargetDownError, match="ended with exit code 0"):
                target.expect("jobs_total").to_reach(1, already_ok=True)
        finally:
            os.kill(stranger, signal.SIGKILL)

    assert "exit code 0" in str(caught.value)


# Words


def test_a_command_as_one_text_is_refused():
    """One text would be taken for its characters."""
    with pytest.raises(UsageError, match=r"such as \['python', 'srv.py'\]"):
        ScrapeTarget.process("python srv.py")


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        ([sys.executable, None], {}),
        ([sys.executable], {"environment": {"PORT": 80}}),
        ([sys.executable], {"port": "80"}),
        ([sys.executable], {"ready": "10"}),
    ],
    ids=["nothing", "None", "environment", "port", "ready"],
)
def test_commands_that_make_no_sense(arguments, options):
    """They are wrong calls before anything is started."""
    with pytest.raises(UsageError):
        ScrapeTarget.process(arguments, **options)


def test_a_program_that_was_closed_is_not_taken_for_one_that_died():
    """A question behind the end of the target says who ended it."""
    with start(60) as target:
        pass

    with pytest.raises(TargetDownError, match="the program was closed by the test"):
        target.value("jobs_total")


def test_a_program_that_ended_early_says_when():
    """It has not used up its time to get ready, so that is not what is said."""
    with pytest.raises(
        TargetDownError, match=r"ended after \d+\.\d+ s, before it could be"
    ):
        ScrapeTarget.process([sys.executable, "-c", "raise SystemExit(2)"], ready=60)


def test_what_a_program_wrote_is_there_after_its_end():
    """A report that is written later still has it."""
    with start(60) as target:
        pass

    assert target.output.startswith("listening on")


# However the tests end

PARENT = """
import os, sys, time
from promlatest.testing import ScrapeTarget
target = ScrapeTarget.process([sys.executable, "-c", sys.argv[1], "{port}", "60"])
print(int(target.value("pid")), flush=True)
if sys.argv[2] == "exit":
    os._exit(1)  # as pytest-timeout's thread method does
time.sleep(60)
"""


@posix
@pytest.mark.parametrize("end", ["exit", "SIGTERM", "SIGKILL"])
def test_a_program_ends_with_whoever_started_it(end, tmp_path):
    """Whatever ends the tests, their programs and log files do not survive it."""
    command = [sys.executable, "-c", PARENT, PROGRAM, end]
    env = {**os.environ, "TMPDIR": str(tmp_path)}  # where no other test writes
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as parent:
        pid = int(parent.stdout.readline())
        if end != "exit":
            parent.send_signal(getattr(signal, end))
        parent.wait(60)

    wait_for_end(pid)
    assert [*tmp_path.iterdir()] == []


POLITE = """
import pathlib, signal, sys
def end(*_):
    pathlib.Path(sys.argv[0]).with_name("said").write_text("goodbye")
    sys.exit()
signal.signal(signal.SIGTERM, end)
from prometheus_client import start_http_server
start_http_server(int(sys.argv[1]), "127.0.0.1")
signal.pause()
"""


@posix
def test_a_program_that_is_left_alone_is_asked_first(tmp_path):
    """It may clean up before it is ended by force."""
    program = tmp_path / "polite.py"
    program.write_text(POLITE)
    parent = (
        "import os, sys; from promlatest.testing import ScrapeTarget;"
        "target = ScrapeTarget.process([sys.executable, sys.argv[1], '{port}']);"
        "print(target._shared.process.pid, flush=True); os._exit(1)"
    )
    told = subprocess.run(
        [sys.executable, "-c", parent, str(program)], capture_output=True, text=True
    )
    wait_for_end(int(told.stdout))

    assert (tmp_path / "said").read_text() == "goodbye"


@posix
def test_nothing_is_left_of_a_program_that_was_closed():
    """The process that watches over it ends with it."""
    with start(60) as target:
        guardian = target._shared.process._guardian
        assert guardian.poll() is None

    assert guardian.poll() == 0
