"""Where the extra ``[scrape]`` is loaded: when the first configuration file is read.

`_config` imports PyYAML and cattrs plainly; it is imported here and nowhere else, inside
of a function, so that targets are scraped without the extra, and so that importing
promlatest.scrape does not take 0.1 s.
"""

from __future__ import annotations

import os

from promlatest._arguments import checked
from promlatest.exceptions import MissingExtraError
from promlatest.scrape._job import Job
from promlatest.scrape._target import Target

__all__ = ["load_config"]


def load_config(
    path: str | os.PathLike[str], *, skip_unsupported: bool = False
) -> list[tuple[Job, list[Target]]]:
    """The jobs of a Prometheus configuration in YAML, and the targets of each.

    The file may be a whole prometheus.yml, a list of scrape configs, or one of them. Keys
    that change nothing here are named in one line to the logger ``promlatest.config``,
    which is the standard error where logging is not set up.

    Args:
        path: the file.
        skip_unsupported: leave out jobs that want what promlatest does not have, such as
            service discovery, and name them in that line.

    Raises:
        UsageError: the file cannot be read, or says what cannot be done; each line of
            the message begins with the line of the file.
        MissingExtraError: the extra ``[scrape]`` is not installed.
    """
    checked(path, (str, os.PathLike), "the path of a configuration")
    try:
        from promlatest.scrape import _config
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("yaml", "cattrs"):
            raise
        raise MissingExtraError("scrape", "Reading a configuration") from None
    return _config.read_config(path, skip_unsupported=skip_unsupported)
