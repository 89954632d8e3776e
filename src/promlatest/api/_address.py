"""Which addresses and names only this machine can reach."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

__all__ = ["is_local_name", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@lru_cache(256)
def is_local_name(host: str) -> bool:
    """Whether a Host is an address or `localhost`, with or without a port."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
