"""A Prometheus scrape_config as YAML: what it means here, and what is wrong with it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

pytest.importorskip("yaml")
pytest.importorskip("cattrs")
pytest.importorskip("yaml")

from promlatest import Store
from promlatest.exceptions import UsageError
from promlatest.scrape import Job, ScrapeLimits, Scraper, Target, load_config

Load = Callable[[str], list[tuple[Job, list[Target]]]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write_and_load(text: str) -> list[tuple[Job, list[Target]]]:
        file = tmp_path / "c.yml"
        file.write_text(dedent(text))
        return load_config(file)

    return write_and_load


def wrong(load: Load, text: str) -> list[str]:
    """What is said about a configuration, as LINE: words."""
    with pytest.raises(UsageError) as caught:
        load(text)
    return [line.partition("c.yml:")[2] for line in str(caught.value).split("\n")]


MINIMAL = """
    - job_name: operator
      static_configs:
        - targets: [localhost:8080]
    """


def test_defaults(load: Load) -> None:
    """Without further keys a job has Prometheus' defaults, and our limits (C-5)."""
    ((job, targets),) = load(MINIMAL)

    assert job == Job(name="operator", interval=60.0, timeout=10.0)
    assert [target.name for target in targets] == ["http://localhost:8080/metrics"]
    assert targets[0].labels == {"job": "operator", "instance": "localhost:8080"}


def test_shapes(load: Load) -> None:
    """A whole prometheus.yml, a list of scrape configs, and one of them are all taken."""
    whole = """
        global:
          scrape_interval: 15s
        scrape_configs:
          - job_name: operator
            static_configs:
              - targets: [localhost:8080]
        """
    one = """
        job_name: operator
        scrape_interval: 15s
        static_configs: [{targets: ["localhost:8080"]}]
        """

    assert load(whole)[0][0] == load(one)[0][0]
    assert load(whole)[0][0].interval == 15.0


def test_everything_that_is_supported(load: Load, tmp_path: Path) -> None:
    """Each key does what it does in Prometheus (C-4, C-5)."""
    ((job, (target,)),) = load(
        """
        global: {scrape_interval: 30s, scrape_timeout: 20s, sample_limit: 7}
        scrape_configs:
          - job_name: a
            scrape_timeout: 5s
            metrics_path: m
            scheme: https
            params: {module: [x, y], other: [z]}
            honor_labels: yes
            honor_timestamps: off
            enable_compression: false
            follow_redirects: false
            fallback_scrape_protocol: PrometheusText0.0.4
            scrape_protocols: [PrometheusProto, PrometheusText0.0.4]
            body_size_limit: 1MB
            label_limit: 30
            label_name_length_limit: 31
            label_value_length_limit: 0
            basic_auth: {username: me, password_file: p}
            tls_config: {ca_file: ca.pem, server_name: s, insecure_skip_verify: true}
            http_headers: {X-A: {values: [b]}, X-B: {secrets: [c]}}
            static_configs:
              - targets: [h:1]
                labels: {env: dev, job: b, empty: "", __meta: x}
            metric_relabel_configs:
              - {regex: secret, action: labeldrop}
        """
    )

    assert (job.interval, job.timeout) == (30.0, 5.0)
    assert job.honor_labels
    assert not job.honor_timestamps or job.compression or job.follow_redirects
    assert job.fallback == "text"
    assert job.accept == "text/plain;version=0.0.4;q=0.6,*/*;q=0.5"
    assert job.limits == ScrapeLimits(
        body_size=1 << 20, samples=7, labels=30, label_name_length=31, label_value_length=0
    )
    assert target.url == "https://h:1/m"
    assert target.params == (("module", "x"), ("module", "y"), ("other", "z"))
    assert (target.auth.username, target.auth.password_file) == ("me", str(tmp_path / "p"))
    assert target.tls.ca_file == str(tmp_path / "ca.pem")
    assert (target.tls.server_name, target.tls.skip_verify) == ("s", True)
    assert target.headers == {"X-A": "b", "X-B": "c"}
    assert target.labels == {"env": "dev", "job": "b", "instance": "h:1"}
    assert [rule.action for rule in job.metric_relabel] == ["labeldrop"]


def test_blackbox(load: Load) -> None:
    """Relabelling makes address, parameters and instance of a target (C-9)."""
    ((_, targets),) = load(
        """
        job_name: probe
        metrics_path: /probe
        params: {module: [http_2xx]}
        static_configs: [{targets: [a.example, b.example]}]
        relabel_configs:
          - {source_labels: [__address__], target_label: __param_target}
          - {source_labels: [__param_target], target_label: instance}
          - {target_label: __address__, replacement: "localhost:9115"}
        """
    )

    assert [target.url for target in targets] == ["http://localhost:9115/probe"] * 2
    assert [target.labels["instance"] for target in targets] == ["a.example", "b.example"]
    assert targets[0].params == (("module", "http_2xx"), ("target", "a.example"))


def test_dropped_and_retimed_targets(load: Load) -> None:
    """Relabelling may drop a target, and give it an interval of its own (C-9)."""
    jobs = load(
        """
        job_name: a
        static_configs: [{targets: ["a:1", "b:1", "c:1"]}]
        relabel_configs:
          - {source_labels: [__address__], regex: "a.*", action: drop}
          - source_labels: [__address__]
            regex: "c.*"
            target_label: __scrape_interval__
            replacement: 5m
        """
    )

    assert [(job.interval, [t.instance for t in targets]) for job, targets in jobs] == [
        (60.0, ["b:1"]),
        (300.0, ["c:1"]),
    ]


def test_unix_socket(load: Load) -> None:
    """The label __unix_socket__ has a target reached by a socket (C-4)."""
    ((_, (target,)),) = load(
        """
        job_name: a
        static_configs: [{targets: [localhost], labels: {__unix_socket__: /run/a.sock}}]
        """
    )

    assert target.name == "unix:/run/a.sock:/metrics"


def test_anchors(load: Load) -> None:
    """Anchors and merges of YAML work."""
    jobs = load(
        """
        scrape_configs:
          - &base
            job_name: a
            scrape_interval: 20s
          - <<: *base
            job_name: b
        """
    )

    assert [(job.name, job.interval) for job, _ in jobs] == [("a", 20.0), ("b", 20.0)]


def test_scalars_are_text(load: Load) -> None:
    """A value is what was written: 0123, on and 1e3 stay what they are."""
    ((_, (target,)),) = load(
        """
        job_name: a
        basic_auth: {username: 007, password: 0123}
        static_configs: [{targets: ["h:1"], labels: {a: on, b: 1e3, c: 1_0, d: null}}]
        """
    )

    assert target.auth.password == "0123"
    assert {k: v for k, v in target.labels.items() if k in "abcd"} == {
        "a": "on",
        "b": "1e3",
        "c": "1_0",
    }


WRONG = [
    # the configuration, less its beginning; what is said of it
    ("scrape_intervall: 5s", ["3: unknown key 'scrape_intervall'"]),
    ("proxy_url: http://p", ["3: proxy_url is known to Prometheus and not supported here"]),
    ("kubernetes_sd_configs: [{role: pod}]", ["3: kubernetes_sd_configs is known to Prometheus and"]),
    ("oauth2: {client_id: a}", ["3: oauth2 is known to Prometheus and not supported"]),
    ("tls_config:\n  cert: abc", ["4: cert is known to Prometheus and not supported here"]),
    ("static_configs:\n- target: [a]", ["4: unknown key 'target'"]),
    ("static_configs:\n- targets: localhost:1", ["4: expected a list"]),
    ("static_configs: {targets: [a]}", ["3: expected a list"]),
    ("tls_config: yes", ["3: expected a mapping"]),
    ("honor_labels: maybe", ["3: expected true or false"]),
    ("sample_limit: -1", ["3: expected a whole number"]),
    ("scrape_interval: 5", ["3: expected a duration such as 15s or 1m30s, got '5'"]),
    ("body_size_limit: ten", ["3: expected a size such as 10MB, got 'ten'"]),
    ("job_name: b", ["3: the key 'job_name' stands twice"]),
    ("relabel_configs:\n- action: explode", ["4: action: expected replace or keep"]),
    ("relabel_configs:\n- {action: drop, regex: '('}", ["4: regular expression '('"]),
    ("metric_relabel_configs:\n- action: hashmod", ["4: the action hashmod needs"]),
    ("scrape_timeout: 2m", ["3: the scrape_timeout (120 s) must not be above"]),
    ("scheme: ftp\nstatic_configs: [{targets: [a]}]", ["3: expected the scheme http"]),
    ("static_configs: [{targets: ['http://a/']}]", ["3: a target is host:port and no URL"]),
    ("target_limit: 1\nstatic_configs: [{targets: [a, b]}]", ["3: 2 targets are more"]),
    ("scrape_protocols: [PrometheusProto]", ["3: scrape_protocols names none"]),
    (
        "scrape_protocols: [PrometheusText0.0.4, PrometheusText0.0.4]",
        ["3: 'PrometheusText0.0.4' stands twice"],
    ),
    ("fallback_scrape_protocol: x", ["3: expected one of OpenMetricsText1.0.0"]),
    ("basic_auth: {username: a}\nbearer_token: b", ["4: give only one of basic_auth, b"]),
    ("a: 1\nb: 2\nhonor_labels: 3", ["3: unknown", "4: unknown", "5: expected true"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[case[0] for case in WRONG])
def test_wrong(load: Load, text: str, said: list[str]) -> None:
    """Everything that is wrong is said at once, each with its line."""
    indented = "\n".join(f"  {line}" for line in text.split("\n"))

    found = wrong(load, f"\n- job_name: a\n{indented}")

    assert len(found) == len(said)
    assert all(a.startswith(b) for a, b in zip(found, said, strict=True)), found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "1: no YAML"),
        ("a: b: c", "1: no YAML: mapping values are not allowed here"),
        ("a: \t- b", "1: no YAML"),
        ("- 3", "1: expected a mapping"),
        ("scrape_configs: 3", "1: expected a list"),
        ("{}", "1: scrape_configs is missing"),
        ("- scrape_interval: 5s", "1: job_name is missing"),
        ("- job_name: ''", "1: job_name is empty"),
        ("- job_name: a\n- job_name: a", "2: the job_name 'a' stands twice"),
        ("- [[[[[[[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]]]]]]]", "1: nested too deeply"),
        ("- &a\n  job_name: x\n  params: *a", "2: nested too deeply"),
    ],
    ids=map(str, range(10)),
)
def test_no_configuration(load: Load, text: str, said: str) -> None:
    """What is no YAML, or something else in YAML, is refused with its line."""
    assert wrong(load, text)[0].startswith(said)


def test_empty_and_missing_files(load: Load, tmp_path: Path) -> None:
    """A file that is empty or not there is an error in one line."""
    with pytest.raises(UsageError, match="is empty"):
        load("# nothing\n")
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load_config(tmp_path / "nothing.yml")


SECRETS = [
    "basic_auth: {username: u, password: [s3cret]}",
    "basic_auth: {username: u, password: s3cret, password_file: x}",
    "bearer_token: s3cret: s3cret",
    'bearer_token: "s3cret',
    "authorization: {type: basic, credentials: s3cret}",
    "static_configs: [{targets: ['u:s3cret@h:1']}]",
    'bearer_token: "s3cret\\nX: y"',
    "bearer_token: *s3cret",
    "bearer_token: &s3cret a\n  x: &s3cret b\n  y: [",
    "bearer_token: %s3cret",
    "bearer_token: '@s3cret' s3cret",
]


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_not_in_errors(load: Load, text: str) -> None:
    """No error about a configuration shows a secret of it (C-4)."""
    assert "s3cret" not in str(wrong(load, f"\n- job_name: a\n  {text}"))


def test_keys_without_effect(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    """Keys that change nothing here are passed by, and named in one line."""
    load(
        """
        global: {evaluation_interval: 15s}
        rule_files: [a.yml]
        scrape_configs: [{job_name: a, enable_http2: false}]
        """
    )

    (line,) = caplog.messages
    assert line.endswith(
        "without effect here: rule_files, evaluation_interval, enable_http2"
    )


@pytest.mark.slow
def test_that_line_goes_to_the_standard_error(tmp_path: Path) -> None:
    """Where a program sets up no logging, the line is on its standard error."""
    file = tmp_path / "c.yml"
    file.write_text("rule_files: [a.yml]\nscrape_configs: [{job_name: a}]\n")
    code = f"from promlatest.scrape import load_config; load_config({str(file)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stderr == f"{file}: without effect here: rule_files\n"


def test_defaults_of_what_is_not_supported(
    load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    """A key that asks for nothing is taken, supported or not."""
    ((job, _),) = load(
        """
        job_name: a
        file_sd_configs: []
        proxy_url: ""
        proxy_from_environment: false
        convert_classic_histograms_to_nhcb: false
        """
    )

    assert job == Job(name="a")
    assert caplog.messages == []


DISCOVERING = """
    scrape_configs:
    - {job_name: k8s, kubernetes_sd_configs: [{role: pod}]}
    - {job_name: here, static_configs: [{targets: ["localhost:1"]}], sample_limit: SAMPLES}
    """


def test_a_job_that_is_not_supported(
    load: Load, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The refusal names the job; it can be left out, and the others are used."""
    (line,) = wrong(load, DISCOVERING.replace("SAMPLES", "1"))
    ((job, targets),) = load_config(tmp_path / "c.yml", skip_unsupported=True)

    assert "(the job 'k8s'; skip_unsupported leaves such jobs out)" in line
    assert (job.name, len(targets)) == ("here", 1)
    assert "the job 'k8s' is left out for its kubernetes_sd_configs" in caplog.text


def test_lines_where_a_job_is_left_out(load: Load, tmp_path: Path) -> None:
    """What is wrong with the jobs that are left stands at its line all the same."""
    wrong(load, DISCOVERING.replace("SAMPLES", "many"))
    with pytest.raises(UsageError, match=r"c\.yml:4: expected a whole number"):
        load_config(tmp_path / "c.yml", skip_unsupported=True)


def test_global_and_job(load: Load) -> None:
    """A job takes from `global` what it does not say itself; a mistake there is said once."""
    ((job, _),) = load(
        """
        global: {scrape_interval: 7s, scrape_timeout: 9s, sample_limit: 5, label_limit: 6}
        scrape_configs: [{job_name: a, sample_limit: 8}]
        """
    )
    said = wrong(
        load,
        """
        global: {sample_limit: x}
        scrape_configs: [{job_name: a}, {job_name: b, honor_labels: x}]
        """,
    )

    assert (job.interval, job.timeout) == (7.0, 7.0)
    assert (job.limits.samples, job.limits.labels) == (8, 6)
    assert said == ["2: expected a whole number, 0 or more", "3: expected true or false"]


def test_labels_of_timing(load: Load) -> None:
    """__scrape_interval__ and __scrape_timeout__ read as in Prometheus."""
    ((_, (target,)),) = load(
        """
        job_name: a
        scrape_interval: 90s
        scrape_timeout: 1s
        static_configs: [{targets: ["h:1"]}]
        relabel_configs:
        - {source_labels: [__scrape_interval__, __scrape_timeout__], target_label: timing}
        """
    )

    assert target.labels["timing"] == "1m30s;1s"


def test_targets_that_are_the_same(load: Load) -> None:
    """Targets of a job that are the same after relabelling are one."""
    ((_, targets),) = load(
        """
        job_name: a
        target_limit: 2
        static_configs:
        - {targets: ["h:1", "h:1", "h:2"]}
        - {targets: ["h:1"]}
        """
    )

    assert [target.host for target in targets] == ["h", "h"]


def bomb(width: int = 9, depth: int = 9) -> str:
    """A few hundred bytes whose aliases stand for hundreds of millions of values."""
    lines = ["- &a0 x"]
    for level in range(1, depth):
        aliases = ", ".join([f"*a{level - 1}"] * width)
        lines.append(f"- &a{level} [{aliases}]")
    return "\n".join(lines)


def test_bombs_and_endless_files(load: Load, tmp_path: Path) -> None:
    """Aliases cannot make much of little, and no file is read whole before it is too large."""
    started = time.process_time()
    assert "aliases make far too much of it" in str(wrong(load, bomb()))
    with pytest.raises(UsageError, match="more than 16777216 bytes"):
        load_config("/dev/zero")

    assert time.process_time() - started < 5


def test_scraper_from_config(load: Load, tmp_path: Path) -> None:
    """A scraper can be made of a file, and of several jobs."""
    load(
        """
        - {job_name: a, static_configs: [{targets: ["localhost:1"]}]}
        - {job_name: b, static_configs: [{targets: ["localhost:1", "localhost:2"]}]}
        """
    )
    store = Store()
    scraper = Scraper.from_config(store, tmp_path / "c.yml")

    assert list(scraper.targets) == [
        'http://localhost:1/metrics{job="a"}',
        'http://localhost:1/metrics{job="b"}',
        "http://localhost:2/metrics",
    ]
    assert [result.up for result in scraper.scrape_all()] == [False] * 3
    assert [(p.labels["job"], p.labels["instance"]) for p in store.query("up")] == [
        ("a", "localhost:1"),
        ("b", "localhost:1"),
        ("b", "localhost:2"),
    ]
    scraper.stop()
