"""The HTTP API of Prometheus over a store, to be mounted, or served by `promlatest serve`.

    >>> from promlatest import Store
    >>> from promlatest.api import Api
    >>> store = Store()
    >>> _ = store.ingest("depth 3")
    >>> Api(store).answer("GET", "/api/v1/labels").body
    b'{"status":"success","data":["__name__"]}'

It needs no extra.
"""

from promlatest.api._answer import ApiResponse
from promlatest.api._api import Api
from promlatest.api._params import Params
from promlatest.api._site import TargetState

__all__ = ["Api", "ApiResponse", "Params", "TargetState"]
