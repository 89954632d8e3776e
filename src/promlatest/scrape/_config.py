"""A Prometheus `scrape_config` with `static_configs`, as YAML, to jobs and targets.

PyYAML reads it and cattrs validates it against the classes below, whose fields are the
keys of the file. Every error names its line; no value of a secret is ever shown. This
is the one module that imports the two (the extra ``[scrape]``).

Scalars are read as text, and the field decides what a text means: so a password 0123 or
a label value `on` is what was written.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, NewType, get_origin

import attrs
import cattrs
import yaml
from cattrs.cols import (
    homogenous_tuple_structure_factory,
    list_structure_factory,
    mapping_structure_factory,
)
from cattrs.errors import (
    BaseValidationError,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn

from promlatest.exceptions import UsageError
from promlatest.scrape._accept import accept_of, format_of_protocol
from promlatest.scrape._fetch import ScrapeLimits
from promlatest.scrape._job import Job
from promlatest.scrape._relabel import Relabel, relabel
from promlatest.scrape._target import TLS, Auth, Target
from promlatest.scrape._units import parse_duration, parse_size

__all__ = ["read_config"]

_log: Final = logging.getLogger("promlatest.scrape")

_MOST_BYTES: Final = 16 << 20
_DEEPEST: Final = 20

Duration = NewType("Duration", float)
Size = NewType("Size", int)
Secret = NewType("Secret", str)


# The file: classes whose fields are its keys


@attrs.frozen(kw_only=True)
class _BasicAuth:
    username: str = ""
    username_file: str = ""
    password: Secret = Secret("")
    password_file: str = ""


@attrs.frozen(kw_only=True)
class _Authorization:
    type: str = "Bearer"
    credentials: Secret = Secret("")
    credentials_file: str = ""


@attrs.frozen(kw_only=True)
class _TLSConfig:
    ca: Secret = Secret("")
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    insecure_skip_verify: bool = False
    min_version: str = ""
    max_version: str = ""


@attrs.frozen(kw_only=True)
class _Header:
    values: list[str] = attrs.field(factory=list)
    secrets: list[Secret] = attrs.field(factory=list)


@attrs.frozen(kw_only=True)
class _StaticConfig:
    targets: list[str] = attrs.field(factory=list)
    labels: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class _Global:
    """`global`: what a job takes where it says nothing itself."""

    scrape_interval: Duration = Duration(60.0)
    scrape_timeout: Duration | None = None
    scrape_protocols: list[str] | None = None
    body_size_limit: Size | None = None
    sample_limit: int | None = None
    label_limit: int | None = None
    label_name_length_limit: int | None = None
    label_value_length_limit: int | None = None
    target_limit: int = 0


@attrs.frozen(kw_only=True)
class _ScrapeConfig:
    job_name: str
    scrape_interval: Duration | None = None
    scrape_timeout: Duration | None = None
    scrape_protocols: list[str] | None = None
    fallback_scrape_protocol: str = ""
    metrics_path: str = "/metrics"
    scheme: str = "http"
    params: dict[str, list[str]] = attrs.field(factory=dict)
    honor_labels: bool = False
    honor_timestamps: bool = True
    enable_compression: bool = True
    follow_redirects: bool = True
    basic_auth: _BasicAuth | None = None
    authorization: _Authorization | None = None
    bearer_token: Secret = Secret("")
    bearer_token_file: str = ""
    tls_config: _TLSConfig = _TLSConfig()
    http_headers: dict[str, _Header] = attrs.field(factory=dict)
    static_configs: list[_StaticConfig] = attrs.field(factory=list)
    relabel_configs: list[Relabel] = attrs.field(factory=list)
    metric_relabel_configs: list[Relabel] = attrs.field(factory=list)
    body_size_limit: Size | None = None
    sample_limit: int | None = None
    label_limit: int | None = None
    label_name_length_limit: int | None = None
    label_value_length_limit: int | None = None
    target_limit: int | None = None


@attrs.frozen(kw_only=True)
class _File:
    # `global` is no name in Python; it is renamed before it comes here.
    global_: _Global = _Global()
    scrape_configs: list[_ScrapeConfig]


# Keys that Prometheus knows and promlatest does not. These change what is scraped, so
# they are errors.
_UNSUPPORTED: Final[Mapping[str, str]] = {
    "oauth2": "get a token another way, and name its file as credentials_file",
    "proxy_url": "promlatest connects directly",
    "no_proxy": "promlatest connects directly",
    "proxy_from_environment": "promlatest connects directly",
    "proxy_connect_header": "promlatest connects directly",
    "cert": "write it to a file and name it as cert_file",
    "key": "write it to a file and name it as key_file",
    "username_ref": "promlatest has no secret manager",
    "password_ref": "promlatest has no secret manager",
    "credentials_ref": "promlatest has no secret manager",
    "ca_ref": "promlatest has no secret manager",
    "files": "give the header's values",
    "sigv4": "promlatest does not sign requests",
    "convert_classic_histograms_to_nhcb": "promlatest has no native histograms",
    "extra_scrape_metrics": "promlatest has the five usual series about a scrape",
    "scrape_failure_log_file": "failures go to the logger promlatest.scrape",
    "scrape_config_files": "give each file by itself",
}
# These do not, so they are passed by with a line in the log.
_IGNORED: Final = frozenset(
    {
        "evaluation_interval", "rule_query_offset", "external_labels", "query_log_file",
        "rule_files", "alerting", "remote_write", "remote_read", "storage", "tracing",
        "otlp", "runtime", "keep_dropped_targets", "enable_http2",
        "track_timestamps_staleness", "scrape_native_histograms",
        "always_scrape_classic_histograms", "scrape_classic_histograms",
        "native_histogram_bucket_limit", "native_histogram_min_bucket_factor",
        "metric_name_validation_scheme", "metric_name_escaping_scheme",
    }
)  # fmt: skip


def read_config(path: str | os.PathLike[str]) -> list[tuple[Job, list[Target]]]:
    """The jobs of a file, and the targets of each.

    The file may be a whole prometheus.yml, a list of scrape configs, or one.

    Raises:
        UsageError: the file cannot be read, or says what cannot be done; each line of
            the message begins with the line of the file.
    """
    file = Path(path)
    try:
        text = file.read_bytes()[: _MOST_BYTES + 1]
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    if len(text) > _MOST_BYTES:
        raise UsageError(f"{file} has more than {_MOST_BYTES} bytes")
    return _Reading(file, _root(file, text)).jobs()


def _root(file: Path, text: bytes) -> yaml.Node:
    try:
        # Nodes and not objects: they know their lines, and no tag is carried out.
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        # Not str(error): it shows the text around, which may be a password.
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise UsageError(f"{file}:{line}: no YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{file}: no YAML: {type(error).__name__}") from None
    if node is None:
        raise UsageError(f"{file} is empty")
    return node


class _Reading:
    """One file on its way to jobs. It gathers all errors before it raises."""

    def __init__(self, file: Path, root: yaml.Node) -> None:
        self._file = file
        self._root = _whole(root)
        self._errors: list[tuple[int, str]] = []

    def jobs(self) -> list[tuple[Job, list[Target]]]:
        data = self._plain(self._root, 0)
        self._raise()
        config = self._structured(data)
        self._raise()
        names = [each.job_name for each in config.scrape_configs]
        made: list[tuple[Job, list[Target]]] = []
        for number, each in enumerate(config.scrape_configs):
            where = ("scrape_configs", number)
            try:
                if names.index(each.job_name) != number:
                    raise UsageError(f"the job_name {each.job_name!r} stands twice")
                made += _jobs_and_targets(config.global_, each, self._file.parent)
            except UsageError as error:
                self._add(_line(self._root, where), str(error))
        self._raise()
        return made

    def _add(self, line: int, words: str) -> None:
        self._errors.append((line, words))

    def _raise(self) -> None:
        if self._errors:
            lines = sorted(set(self._errors))
            shown = "\n".join(f"{self._file}:{line}: {words}" for line, words in lines)
            raise UsageError(shown)

    # Nodes to plain values

    def _plain(self, node: yaml.Node, depth: int) -> Any:
        if depth > _DEEPEST:
            raise UsageError(f"{self._file}:{_line_of(node)}: nested too deeply")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(each, depth + 1) for each in node.value]
        return node.value

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._add(_line_of(key), "expected a key, got a list or a mapping")
            elif key.tag.endswith(":merge"):  # <<: *anchor
                given = self._plain(value, depth + 1)
                for each in given if isinstance(given, list) else [given]:
                    merged = {**each, **merged} if isinstance(each, dict) else merged
            elif key.value in plain:
                self._add(_line_of(key), f"the key {key.value!r} stands twice")
            elif not value.tag.endswith(":null"):  # a key without a value says nothing
                plain[key.value] = self._plain(value, depth + 1)
        return {**merged, **plain}

    # Plain values to the classes above

    def _structured(self, data: Any) -> _File:
        _pass_by(data, self._file)
        try:
            file: _File = _converter.structure(data, _File)
        except BaseValidationError as error:
            for path, key, words in _findings(error, ()):
                self._add(_line(self._root, path, key), words)
            self._raise()
            raise
        return file


def _whole(root: yaml.Node) -> yaml.Node:
    """The document as a whole file: it may be a list of scrape configs, or one."""
    if isinstance(root, yaml.MappingNode):
        keys = {key.value for key, _ in root.value if isinstance(key, yaml.ScalarNode)}
        for key, _ in root.value:
            if key.value == "global":
                key.value = "global_"
        if "job_name" not in keys:
            return root
        root = yaml.SequenceNode(
            "tag:yaml.org,2002:seq", [root], root.start_mark, root.end_mark
        )
    name = yaml.ScalarNode(
        "tag:yaml.org,2002:str", "scrape_configs", root.start_mark, root.end_mark
    )
    return yaml.MappingNode(
        "tag:yaml.org,2002:map", [(name, root)], root.start_mark, root.end_mark
    )


def _pass_by(data: Any, file: Path) -> None:
    """Take out the keys that say nothing about scraping."""
    if not isinstance(data, dict):
        return
    jobs = data.get("scrape_configs", [])
    for each in (data, data.get("global_"), *(jobs if isinstance(jobs, list) else ())):
        if isinstance(each, dict):
            ignored = sorted(_IGNORED & each.keys())
            for key in ignored:
                del each[key]
            if ignored:
                _log.warning("%s: without effect here: %s", file, ", ".join(ignored))


Steps = tuple[str | int, ...]


def _findings(error: BaseException, path: Steps) -> Iterator[tuple[Steps, str, str]]:
    """What is wrong, each with its place: a path, and a key in it or ""."""
    if isinstance(error, ForbiddenExtraKeysError):
        for key in sorted(error.extra_fields):
            yield path, key, _extra_words(key)
    elif isinstance(error, BaseValidationError):
        for each in error.exceptions:
            yield from _findings(each, (*path, *_step(each)))
    else:
        yield path, "", _words(error)


def _step(error: BaseException) -> Steps:
    for note in getattr(error, "__notes__", ()):
        place = getattr(note, "index", None)
        if isinstance(note, IterableValidationNote):
            return (place if isinstance(place, int) else str(place),)
        if hasattr(note, "name"):
            return (str(note.name),)
    return ()


def _extra_words(key: str) -> str:
    if key in _UNSUPPORTED:
        return f"{key} is known to Prometheus and not supported here: {_UNSUPPORTED[key]}"
    if key.endswith("_sd_configs"):
        return (
            f"{key} is known to Prometheus and not supported here:"
            " promlatest has no service discovery; give static_configs"
        )
    return f"unknown key {key!r}"


def _words(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    if isinstance(error, UsageError):
        return str(error)
    return "expected something else here"


def _line(root: yaml.Node, path: Steps, key: str = "") -> int:
    """The line of what a path leads to, or of the last on the way that is there."""
    node, line = root, _line_of(root)
    for step in (*path, key) if key else path:
        children = _children(node)
        if step not in children:
            break
        line, node = children[step]
    return line


def _children(node: yaml.Node) -> dict[str | int, tuple[int, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        return {key.value: (_line_of(key), value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return {at: (_line_of(each), each) for at, each in enumerate(node.value)}
    return {}


def _line_of(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1


# What a text means


def _as_text(value: Any, _: object) -> str:
    if not isinstance(value, str):
        raise UsageError("expected a text, got a list or a mapping")
    return value


_BOOLS: Final = {
    **dict.fromkeys(("true", "yes", "on", "y"), True),
    **dict.fromkeys(("false", "no", "off", "n"), False),
}


def _as_bool(value: Any, _: object) -> bool:
    found = _BOOLS.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise UsageError("expected true or false")
    return found


def _as_int(value: Any, _: object) -> int:
    if not isinstance(value, str) or not value.isdecimal() or len(value) > 18:
        raise UsageError("expected a whole number, 0 or more")
    return int(value)


def _as_duration(value: Any, _: object) -> Duration:
    return Duration(parse_duration(_as_text(value, str)))


def _as_size(value: Any, _: object) -> Size:
    return Size(parse_size(_as_text(value, str)))


def _is_literal(kind: Any) -> bool:
    return _origin(kind) is Literal


def _origin(kind: Any) -> Any:
    return get_origin(kind)


def _made_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    texts: dict[Any, Callable[[Any, Any], Any]] = {
        str: _as_text,
        bool: _as_bool,
        int: _as_int,
        Duration: _as_duration,
        Size: _as_size,
        Secret: _as_text,
    }
    for kind, hook in texts.items():
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_func(lambda kind: _origin(kind) is Literal, _as_text)
    for fits, shape, make in _SHAPES:
        converter.register_structure_hook_factory(fits)(_checked(shape, make, converter))
    return converter


Hook = Callable[[Any, Any], Any]

# What a field of this type must be in the file, and what makes it then. Without the
# check a text would be taken for the list of its letters.
_SHAPES: Final[
    tuple[tuple[Callable[[Any], bool], type, Callable[[Any, cattrs.Converter], Hook]], ...]
] = (
    (attrs.has, dict, partial(make_dict_structure_fn, _cattrs_forbid_extra_keys=True)),
    (lambda kind: _origin(kind) is list, list, list_structure_factory),
    (lambda kind: _origin(kind) is tuple, list, homogenous_tuple_structure_factory),
    (lambda kind: _origin(kind) is dict, dict, mapping_structure_factory),
)
_SHAPE_NAMES: Final[dict[type, str]] = {dict: "a mapping", list: "a list"}


def _checked(
    shape: type, make: Callable[[Any, cattrs.Converter], Hook], converter: cattrs.Converter
) -> Callable[[Any], Hook]:
    def hook_for(kind: Any) -> Hook:
        structure = make(kind, converter)

        def checked(value: Any, kind: Any) -> Any:
            if not isinstance(value, shape):
                raise UsageError(f"expected {_SHAPE_NAMES[shape]}")
            return structure(value, kind)

        return checked

    return hook_for


_converter: Final = _made_converter()


# From the file's classes to ours


def _jobs_and_targets(
    shared: _Global, config: _ScrapeConfig, folder: Path
) -> list[tuple[Job, list[Target]]]:
    """The job, and once more for every other timing that relabelling gives a target."""
    job = _job(shared, config)
    auth, tls = _auth(config, folder), _tls(config.tls_config, folder)
    headers = {name: _header(name, each) for name, each in config.http_headers.items()}
    jobs: dict[Job, list[Target]] = {job: []}
    for group in config.static_configs:
        for address in group.targets:
            labels = _populated({**group.labels, "__address__": address}, config, job)
            if labels is not None:
                made = _target(labels, config)
                target = attrs.evolve(made, headers=headers, auth=auth, tls=tls)
                jobs.setdefault(_retimed(job, labels), []).append(target)
    _check_target_limit(sum(map(len, jobs.values())), shared, config)
    return list(jobs.items())


def _check_target_limit(number: int, shared: _Global, config: _ScrapeConfig) -> None:
    most = _first(config.target_limit, shared.target_limit)
    if most and number > most:
        raise UsageError(f"{number} targets are more than the target_limit of {most}")


def _retimed(job: Job, labels: Mapping[str, str]) -> Job:
    interval = parse_duration(labels.get("__scrape_interval__", ""))
    timeout = parse_duration(labels.get("__scrape_timeout__", ""))
    _check_timeout(timeout, interval)
    if (interval, timeout) == (job.interval, job.timeout):
        return job
    return attrs.evolve(job, interval=interval, timeout=timeout)


def _first(*given: Any) -> Any:
    """The first that is given."""
    return next((each for each in given if each is not None), None)


def _job(shared: _Global, config: _ScrapeConfig) -> Job:
    interval = _first(config.scrape_interval, shared.scrape_interval)
    timeout = _first(config.scrape_timeout, shared.scrape_timeout, min(10.0, interval))
    if config.scrape_timeout is None and timeout > interval:
        timeout = interval  # the global one, as Prometheus has it
    _check_timeout(timeout, interval)
    protocols = _first(config.scrape_protocols, shared.scrape_protocols)
    fallback = config.fallback_scrape_protocol
    return Job(
        name=config.job_name,
        interval=interval,
        timeout=timeout,
        honor_labels=config.honor_labels,
        honor_timestamps=config.honor_timestamps,
        limits=_limits(shared, config),
        fallback=format_of_protocol(fallback) if fallback else None,
        accept=accept_of(protocols),
        follow_redirects=config.follow_redirects,
        compression=config.enable_compression,
        metric_relabel=tuple(config.metric_relabel_configs),
    )


def _check_timeout(timeout: float, interval: float) -> None:
    if timeout > interval:
        raise UsageError(
            f"the scrape_timeout ({timeout:g} s) must not be above the scrape_interval"
            f" ({interval:g} s)"
        )


# Our limits by the names they have in the file.
_LIMIT_KEYS: Final = {
    "body_size": "body_size_limit",
    "samples": "sample_limit",
    "labels": "label_limit",
    "label_name_length": "label_name_length_limit",
    "label_value_length": "label_value_length_limit",
}


def _limits(shared: _Global, config: _ScrapeConfig) -> ScrapeLimits:
    """Where the file says nothing, ours stay: they are finite, Prometheus' are not."""
    given = {
        ours: _first(getattr(config, key), getattr(shared, key))
        for ours, key in _LIMIT_KEYS.items()
    }
    return ScrapeLimits(**{ours: most for ours, most in given.items() if most is not None})


def _auth(config: _ScrapeConfig, folder: Path) -> Auth:
    kinds = ("basic_auth", "authorization", "bearer_token", "bearer_token_file")
    given = [key for key in kinds if getattr(config, key)]
    if len(given) > 1:
        raise UsageError(f"give only one of {', '.join(given)}")
    basic = config.basic_auth or _BasicAuth()
    bearer = config.authorization or _Authorization(
        credentials=config.bearer_token, credentials_file=config.bearer_token_file
    )
    return Auth(
        bearer_token=bearer.credentials,
        bearer_token_file=_beside(bearer.credentials_file, folder),
        type=bearer.type,
        username=basic.username,
        username_file=_beside(basic.username_file, folder),
        password=basic.password,
        password_file=_beside(basic.password_file, folder),
    )


def _tls(config: _TLSConfig, folder: Path) -> TLS:
    return TLS(
        ca=config.ca,
        ca_file=_beside(config.ca_file, folder),
        cert_file=_beside(config.cert_file, folder),
        key_file=_beside(config.key_file, folder),
        server_name=config.server_name,
        skip_verify=config.insecure_skip_verify,
        min_version=config.min_version,
        max_version=config.max_version,
    )


def _beside(path: str, folder: Path) -> str:
    """A path as it is meant: from the folder of the file."""
    return str(folder / path) if path else ""


def _header(name: str, header: _Header) -> str:
    values = [*header.values, *header.secrets]
    if len(values) != 1:
        raise UsageError(f"http_headers: expected one value for {name!r}")
    return values[0]


# Targets: labels, relabelling, and what they stand for (C-9)


def _populated(
    labels: dict[str, str], config: _ScrapeConfig, job: Job
) -> dict[str, str] | None:
    """The labels of a target after relabelling; None if that drops it."""
    defaults = {
        "job": config.job_name,
        "__scrape_interval__": f"{round(job.interval * 1000)}ms",
        "__scrape_timeout__": f"{round(job.timeout * 1000)}ms",
        "__metrics_path__": config.metrics_path,
        "__scheme__": config.scheme,
        **{
            f"__param_{name}": values[0] for name, values in config.params.items() if values
        },
    }
    given = {name: value for name, value in labels.items() if value}
    after = relabel({**defaults, **given}, config.relabel_configs)
    if after is not None and "__address__" not in after:
        raise UsageError("a target has no __address__ after relabelling")
    return after


def _target(labels: dict[str, str], config: _ScrapeConfig) -> Target:
    address, path = labels["__address__"], labels.get("__metrics_path__", "")
    scheme = labels.get("__scheme__", "")
    if scheme not in ("http", "https"):
        raise UsageError(f"expected the scheme http or https, got {scheme[:40]!r}")
    if "/" in address or "@" in address:
        raise UsageError(
            f"a target is host:port and no URL: {address.rpartition('@')[2]!r}"
        )
    path = path if path.startswith("/") else f"/{path}"
    # Labels with two underscores are kept for the address; samples do not get them.
    seen = {name: value for name, value in labels.items() if not name.startswith("__")}
    made = Target.parse(
        f"{scheme}://{address}{path}",
        params=_query(labels, config),
        labels={"instance": address, **seen},
    )
    socket = labels.get("__unix_socket__", "")
    return attrs.evolve(made, kind="unix", path=socket) if socket else made


def _query(labels: Mapping[str, str], config: _ScrapeConfig) -> list[tuple[str, str]]:
    params = {name: list(values) for name, values in config.params.items()}
    for label, value in labels.items():
        if label.startswith("__param_"):
            name = label.removeprefix("__param_")
            params[name] = [value, *params.get(name, [])[1:]]
    return [(name, value) for name in sorted(params) for value in params[name]]
