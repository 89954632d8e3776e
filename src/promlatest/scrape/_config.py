"""A Prometheus `scrape_config` with `static_configs`, as YAML, to jobs and targets.

PyYAML reads it, and cattrs makes the library's own classes of it (`Auth`, `TLS`,
`ScrapeLimits`, `Relabel`), and those below where the file has a shape of its own. Every
error names its line; no value of a secret is ever shown. This is the one module that
imports the two (the extra ``[scrape]``).

Scalars are read as text, and the field decides what a text means: so a password 0123 or
a label value `on` is what was written.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, NewType, TypeVar, cast, get_origin

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
from cattrs.gen import make_dict_structure_fn, override

from promlatest._escape import escaped
from promlatest._files import file_bytes
from promlatest._units import format_duration, parse_duration, parse_size
from promlatest.exceptions import UsageError
from promlatest.exposition import ACCEPT, Format
from promlatest.exposition._formats import PROTOCOLS, accept
from promlatest.scrape._fetch import ScrapeLimits
from promlatest.scrape._job import Job
from promlatest.scrape._relabel import Relabel, relabel
from promlatest.scrape._target import TLS, Auth, Target

__all__ = ["read_config"]

# Not that of the scraper, which is silent by itself: what a file says without effect is
# for whoever wrote it, so it goes to the standard error unless logging is set up.
_log: Final = logging.getLogger("promlatest.config")

_DEEPEST: Final = 20
# Nodes that aliases may make of one byte, and of a small file. Nine lines of nine aliases
# each are 400 bytes and 387 million nodes.
_MOST_NODES: Final = (2, 10_000)

Duration = NewType("Duration", float)
Accept = NewType("Accept", str)
Fallback = NewType("Fallback", str)
BasicAuth = NewType("BasicAuth", Auth)
Authorization = NewType("Authorization", Auth)
Raw = dict[str, Any]


# The file: classes whose fields are its keys


@attrs.frozen(kw_only=True)
class _Header:
    values: list[str] = attrs.field(factory=list)
    secrets: list[str] = attrs.field(factory=list)


@attrs.frozen(kw_only=True)
class _StaticConfig:
    targets: list[str] = attrs.field(factory=list)
    labels: dict[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class _Global:
    """`global`: what a job takes where it says nothing itself."""

    scrape_interval: Duration = Duration(60.0)
    scrape_timeout: Duration | None = None
    scrape_protocols: Accept = Accept(ACCEPT)
    target_limit: int = 0
    limits: ScrapeLimits = attrs.field(factory=ScrapeLimits)


@attrs.frozen(kw_only=True)
class _ScrapeConfig(_Global):
    job_name: str
    fallback_scrape_protocol: Fallback | None = None
    metrics_path: str = "/metrics"
    scheme: str = "http"
    params: dict[str, list[str]] = attrs.field(factory=dict)
    honor_labels: bool = False
    honor_timestamps: bool = True
    enable_compression: bool = True
    follow_redirects: bool = True
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    bearer_token: str = ""
    bearer_token_file: str = ""
    tls_config: TLS = attrs.field(factory=TLS)
    http_headers: dict[str, _Header] = attrs.field(factory=dict)
    static_configs: list[_StaticConfig] = attrs.field(factory=list)
    relabel_configs: list[Relabel] = attrs.field(factory=list)
    metric_relabel_configs: list[Relabel] = attrs.field(factory=list)


@attrs.frozen(kw_only=True)
class _File:
    # `global` is no name in Python; it is renamed before it comes here.
    global_: _Global = _Global()
    scrape_configs: list[_ScrapeConfig]


# Keys of the file by the names of our fields.
_LIMITS: Final[Mapping[str, str]] = {
    "body_size": "body_size_limit",
    "samples": "sample_limit",
    "labels": "label_limit",
    "label_name_length": "label_name_length_limit",
    "label_value_length": "label_value_length_limit",
}
_BEARER: Final[Mapping[str, str]] = {
    "bearer_token": "credentials",
    "bearer_token_file": "credentials_file",
    "type": "type",
}
_BASIC: Final = ("username", "username_file", "password", "password_file")
_TLS: Final[Mapping[str, str]] = {"skip_verify": "insecure_skip_verify"}
_KEYS: Final[Mapping[str, str]] = {**_LIMITS, **_BEARER, **_TLS}


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


def read_config(
    path: str | os.PathLike[str], *, skip_unsupported: bool = False
) -> list[tuple[Job, list[Target]]]:
    """What `load_config` gives."""
    file = Path(path)
    text = file_bytes(file)
    per_byte, least = _MOST_NODES
    most = per_byte * len(text) + least
    return _ConfigFile(file, _root(file, text), most, skip_unsupported).jobs()


def _root(file: Path, text: bytes) -> yaml.Node:
    try:
        # Nodes and not objects: they know their lines, and no tag is carried out.
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        # Not str(error): it shows the text around, which may be a password.
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise UsageError(f"{file}:{line}: no YAML: {_problem(error)}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{file}: no YAML: {type(error).__name__}") from None
    if node is None:
        raise UsageError(f"{file} is empty")
    return node


def _problem(error: yaml.MarkedYAMLError) -> str:
    """What PyYAML says, less the pieces of the file in it: one may be a password."""
    said = re.sub(r"""(["']).*\1""", "…", error.problem or "it cannot be read")
    return escaped(said.partition(";")[0])


class _WrongError(UsageError):
    """Something wrong at a place within a job: the steps that lead to it."""

    def __init__(self, message: str, *steps: str | int) -> None:
        self.steps = steps
        super().__init__(message)


class _ConfigFile:
    """One file on its way to jobs. It gathers all errors before it raises."""

    def __init__(self, file: Path, root: yaml.Node, most: int, skip: bool) -> None:
        self._file = file
        self._root = _whole(root)
        self._left = most  # nodes
        self._skip = skip
        self._notes: list[str] = []
        self._errors: list[tuple[int, str]] = []

    def jobs(self) -> list[tuple[Job, list[Target]]]:
        data = self._plain(self._root, 0)
        self._raise()
        self._take_out(data)
        config = self._structured(data)
        self._raise()
        names = [each.job_name for each in config.scrape_configs]
        made: list[tuple[Job, list[Target]]] = []
        for number, each in enumerate(config.scrape_configs):
            where: Steps = ("scrape_configs", number)
            try:
                if not each.job_name:
                    raise _WrongError("job_name is empty", "job_name")
                if names.index(each.job_name) != number:
                    raise _WrongError(
                        f"the job_name {each.job_name!r} stands twice", "job_name"
                    )
                made += _jobs_and_targets(config.global_, each, self._file.parent)
            except UsageError as error:
                steps = error.steps if isinstance(error, _WrongError) else ()
                self._add(_line(self._root, (*where, *steps)), str(error))
        self._raise()
        if self._notes:
            _log.warning("%s: %s", self._file, escaped("; ".join(self._notes)))
        return made

    def _add(self, line: int, words: str) -> None:
        self._errors.append((line, escaped(words)))

    def _raise(self) -> None:
        if self._errors:
            lines = sorted(set(self._errors))
            shown = "\n".join(f"{self._file}:{line}: {words}" for line, words in lines)
            raise UsageError(shown)

    # Nodes to plain values

    def _plain(self, node: yaml.Node, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise UsageError(f"{self._file}: its aliases make far too much of it")
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
        try:
            file: _File = _converter.structure(_with_defaults(data), _File)
        except BaseValidationError as error:
            for path, key, words in _findings(error, ()):
                named = self._job_of(data, path) if _instead(key) else ""
                self._add(_line(self._root, path, key), words + named)
            self._raise()
            raise
        return file

    @staticmethod
    def _job_of(data: Any, path: Steps) -> str:
        """The job at a path, and how the file is taken without it."""
        if path[:1] != ("scrape_configs",) or len(path) < 2:
            return ""
        job = data["scrape_configs"][path[1]].get("job_name")
        return f" (the job {job!r}; skip_unsupported leaves such jobs out)"

    # Keys that are not for us

    def _take_out(self, data: Any) -> None:
        """Take out the keys that say nothing about scraping, and those that only state a
        default; note the former."""
        jobs = data.get("scrape_configs") if isinstance(data, dict) else None
        jobs = jobs if isinstance(jobs, list) else []
        ignored: dict[str, None] = {}
        for each in (data, data.get("global_") if isinstance(data, dict) else None, *jobs):
            if isinstance(each, dict):
                ignored |= dict.fromkeys(key for key in each if key in _IGNORED)
                for key in [*each]:
                    if key in _IGNORED or (_instead(key) and _is_default(each[key])):
                        del each[key]
        if ignored:
            self._notes.append(f"without effect here: {', '.join(ignored)}")
        if self._skip:
            self._leave_out(jobs)

    def _leave_out(self, jobs: list[Any]) -> None:
        """Take out the jobs that want what is not supported, and note them."""
        wants = [
            [key for key in job if _instead(key)] if isinstance(job, dict) else []
            for job in jobs
        ]
        nodes = _children(self._root)["scrape_configs"][1].value if jobs else []
        for number in reversed([n for n, keys in enumerate(wants) if keys]):
            name, keys = jobs[number].get("job_name"), ", ".join(wants[number])
            self._notes.append(f"the job {name!r} is left out for its {keys}")
            del jobs[number], nodes[number]


def _instead(key: str) -> str:
    """What to do instead of a key that is not supported; "" for others."""
    if key.endswith("_sd_configs"):
        return "promlatest has no service discovery; give static_configs"
    return _UNSUPPORTED.get(key, "")


def _is_default(value: Any) -> bool:
    """Whether an unsupported key asks for nothing, so that it can be taken."""
    return value in ([], {}, "", "false", "no", "off", "0")


def _with_defaults(data: Any) -> Any:
    """The file with limits as a mapping of their own, as our class is, and each job with
    what `global` says where it says nothing."""
    if not isinstance(data, dict):
        return data
    shared, jobs = data.get("global_", {}), data.get("scrape_configs")
    made, taken = dict(data), {}
    if isinstance(shared, dict) and shared:
        made["global_"] = _nested(shared)
        try:
            _converter.structure(made["global_"], _Global)
        except BaseValidationError:  # which is said once, and not of every job again
            shared = {}
        taken = {key: value for key, value in shared.items() if key != "scrape_timeout"}
    if isinstance(jobs, list):
        made["scrape_configs"] = [
            _nested({**taken, **job}) if isinstance(job, dict) else job for job in jobs
        ]
    return made


def _nested(given: Raw) -> Raw:
    limits = {ours: given[key] for ours, key in _LIMITS.items() if key in given}
    rest = {key: value for key, value in given.items() if key not in _LIMITS.values()}
    return {**rest, "limits": limits} if limits else rest


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
    if instead := _instead(key):
        return f"{key} is known to Prometheus and not supported here: {instead}"
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
        known = step if step in children else _KEYS.get(str(step), "")
        if known in children:  # else it is a place that the file does not have
            line, node = children[known]
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


def _accept(protocols: list[str]) -> Accept:
    """The Accept header for these protocols in this order; protobuf is left out."""
    if twice := [name for at, name in enumerate(protocols) if name in protocols[:at]]:
        raise UsageError(f"{twice[0][:40]!r} stands twice")
    asked = [_protocol(name) for name in protocols if name != "PrometheusProto"]
    if not asked:
        raise UsageError("scrape_protocols names none that can be read; protobuf cannot")
    return Accept(accept(asked))


def _protocol(name: str) -> str:
    if name not in PROTOCOLS:
        raise UsageError(f"expected one of {', '.join(PROTOCOLS)}, got {name[:40]!r}")
    return name


def _as_duration(value: Any, _: object) -> Duration:
    return Duration(parse_duration(_as_text(value, str)))


_origin: Final[Callable[[Any], Any]] = get_origin


def _made_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    texts: dict[Any, Callable[[Any, Any], Any]] = {
        str: _as_text,
        bool: _as_bool,
        int: _as_int,
        Duration: _as_duration,
        Accept: lambda value, _: _accept(converter.structure(value, list[str])),
        Fallback: lambda value, _: PROTOCOLS[_protocol(_as_text(value, str))][1],
    }
    for kind, hook in texts.items():
        converter.register_structure_hook(kind, hook)
    converter.register_structure_hook_func(lambda kind: _origin(kind) is Literal, _as_text)
    converter.register_structure_hook(ScrapeLimits, _limits(converter))
    for kind, (ours, names) in _RENAMED.items():
        factory = _checked(dict, partial(_renamed, ours, names), converter)
        converter.register_structure_hook(kind, factory(kind))
    for fits, shape, make in _SHAPES:
        converter.register_structure_hook_factory(fits)(_checked(shape, make, converter))
    return converter


Hook = Callable[[Any, Any], Any]

_RENAMED: Final[Mapping[Any, tuple[type, Mapping[str, str]]]] = {
    BasicAuth: (Auth, {name: name for name in _BASIC}),
    Authorization: (Auth, _BEARER),
    TLS: (TLS, {each.name: _TLS.get(each.name, each.name) for each in attrs.fields(TLS)}),
}


def _renamed(
    ours: type, names: Mapping[str, str], _: object, converter: cattrs.Converter
) -> Hook:
    """A class of the library from keys that the file has for some of its fields."""
    fields: dict[str, Any] = {
        each.name: override(rename=names[each.name])
        if each.name in names
        else override(omit=True)
        for each in attrs.fields(ours)
    }
    return make_dict_structure_fn(ours, converter, _cattrs_forbid_extra_keys=True, **fields)


def _limits(converter: cattrs.Converter) -> Hook:
    """Limits; where the file names none ours stay, which are finite."""
    return make_dict_structure_fn(
        ScrapeLimits,
        converter,
        body_size=override(struct_hook=lambda value, _: parse_size(_as_text(value, str))),
        redirects=override(omit=True),
    )


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
    """The job, and once more for every other timing that relabelling gives a target.
    Targets that are the same after relabelling are one."""
    job = _job(shared, config)
    auth, tls = _auth(config, folder), _beside(config.tls_config, folder)
    headers = {name: _header(name, each) for name, each in config.http_headers.items()}
    jobs: dict[Job, list[Target]] = {job: []}
    seen: set[frozenset[tuple[str, str]]] = set()
    for labels, *steps in _labelled(config, job):
        if frozenset(labels.items()) in seen:
            continue
        seen.add(frozenset(labels.items()))
        try:
            made, timed = _target(labels, config), _retimed(job, labels)
        except _WrongError:
            raise
        except UsageError as error:
            raise _WrongError(str(error), *steps) from None
        target = attrs.evolve(made, headers=headers, auth=auth, tls=tls)
        jobs.setdefault(timed, []).append(target)
    most = config.target_limit
    if most and len(seen) > most:
        raise _WrongError(
            f"{len(seen)} targets are more than the target_limit of {most}", "target_limit"
        )
    return list(jobs.items())


def _labelled(config: _ScrapeConfig, job: Job) -> Iterator[tuple[Any, ...]]:
    """The labels of each target after relabelling, and the steps to it."""
    for place, group in enumerate(config.static_configs):
        for number, address in enumerate(group.targets):
            steps = ("static_configs", place, "targets", number)
            try:
                labels = _populated({**group.labels, "__address__": address}, config, job)
            except UsageError as error:
                raise _WrongError(str(error), *steps) from None
            if labels is not None:
                yield labels, *steps


def _retimed(job: Job, labels: Mapping[str, str]) -> Job:
    interval = parse_duration(labels.get("__scrape_interval__", ""))
    timeout = parse_duration(labels.get("__scrape_timeout__", ""))
    _check_timeout(timeout, interval)
    if (interval, timeout) == (job.interval, job.timeout):
        return job
    return attrs.evolve(job, interval=interval, timeout=timeout)


def _job(shared: _Global, config: _ScrapeConfig) -> Job:
    interval, timeout = config.scrape_interval, config.scrape_timeout
    if timeout is None:  # that of all, as far as the interval has room for it
        timeout = min(shared.scrape_timeout or Duration(10.0), interval)
    _check_timeout(timeout, interval)
    return Job(
        name=config.job_name,
        interval=interval,
        timeout=timeout,
        honor_labels=config.honor_labels,
        honor_timestamps=config.honor_timestamps,
        limits=config.limits,
        fallback=cast(Format | None, config.fallback_scrape_protocol),
        accept=config.scrape_protocols,
        follow_redirects=config.follow_redirects,
        compression=config.enable_compression,
        metric_relabel=tuple(config.metric_relabel_configs),
    )


def _check_timeout(timeout: float, interval: float) -> None:
    if timeout > interval:
        raise _WrongError(
            f"the scrape_timeout ({timeout:g} s) must not be above the scrape_interval"
            f" ({interval:g} s)",
            "scrape_timeout",
        )


def _auth(config: _ScrapeConfig, folder: Path) -> Auth:
    kinds = ("basic_auth", "authorization", "bearer_token", "bearer_token_file")
    given = [key for key in kinds if getattr(config, key)]
    if len(given) > 1:
        raise _WrongError(f"give only one of {', '.join(given)}", given[-1])
    plain = Auth(
        bearer_token=config.bearer_token, bearer_token_file=config.bearer_token_file
    )
    return _beside(config.basic_auth or config.authorization or plain, folder)


_WithFiles = TypeVar("_WithFiles", Auth, TLS)


def _beside(given: _WithFiles, folder: Path) -> _WithFiles:
    """The same with its files as they are meant: from the folder of the configuration."""
    files: dict[str, Any] = {
        each.name: str(folder / getattr(given, each.name))
        for each in attrs.fields(type(given))
        if each.name.endswith("_file") and getattr(given, each.name)
    }
    return attrs.evolve(given, **files)


def _header(name: str, header: _Header) -> str:
    values = [*header.values, *header.secrets]
    if len(values) != 1:
        raise _WrongError(
            f"http_headers: expected one value for {name!r}", "http_headers", name
        )
    return values[0]


# Targets: labels, relabelling, and what they stand for (C-9)


def _populated(
    labels: dict[str, str], config: _ScrapeConfig, job: Job
) -> dict[str, str] | None:
    """The labels of a target after relabelling; None if that drops it."""
    defaults = {
        "job": config.job_name,
        "__scrape_interval__": format_duration(round(job.interval * 1000)),
        "__scrape_timeout__": format_duration(round(job.timeout * 1000)),
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
        raise _WrongError(
            f"expected the scheme http or https, got {scheme[:40]!r}", "scheme"
        )
    if "/" in address or "@" in address:
        raise UsageError("a target is host:port and no URL")
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
