"""Applications of this process as targets: WSGI and ASGI, as frameworks have them."""

from __future__ import annotations

import gzip
import itertools
import subprocess
import sys
import traceback

import pytest
from prometheus_client import CollectorRegistry, Counter, make_asgi_app, make_wsgi_app

from promlatest.exceptions import UsageError
from promlatest.testing import ScrapeTarget, TargetDownError

BODY = b"# TYPE jobs_total counter\njobs_total 3\n"
TEXT = ("Content-Type", "text/plain")


def wsgi(body: bytes = BODY, status: str = "200 OK", headers=(), seen: list | None = None):
    """A WSGI application that answers like this, and notes what it was asked."""

    def app(environ, start_response):
        if seen is not None:
            seen.append(environ)
        start_response(status, [TEXT, *headers])
        return [body]

    return app


def asgi(body: bytes = BODY, status: int = 200, headers=(), seen: list | None = None):
    """The same for ASGI."""

    async def app(scope, receive, send):
        if seen is not None:
            seen.append(scope)
        named = [(n.lower().encode(), v.encode()) for n, v in (TEXT, *headers)]
        await send({"type": "http.response.start", "status": status, "headers": named})
        await send({"type": "http.response.body", "body": body})

    return app


class AnyWsgi:
    """Takes whatever comes, as instrumented applications do."""

    def __call__(self, *args):
        return wsgi()(*args)


class AnyAsgi:
    async def __call__(self, *args, **kwargs):
        await asgi()(*args, **kwargs)


class WithOptions:
    def __call__(self, environ, start_response, flavour="plain", **options):
        return wsgi()(environ, start_response)


@pytest.mark.parametrize(
    "app",
    [AnyWsgi(), AnyAsgi(), WithOptions()],
    ids=["wsgi *args", "asgi *args", "options"],
)
def test_applications_that_take_anything(app):
    """The protocol shows in how a call is made, also where its arguments do not."""
    assert ScrapeTarget(app).value("jobs_total") == 3


def test_a_function_that_takes_anything_gives_an_exposition():
    """A plain function is no application, whatever it would take."""
    assert ScrapeTarget(lambda *_: BODY).value("jobs_total") == 3


# How it is asked


def test_host_and_headers():
    """They are sent as they are given."""
    seen: list = []
    headers = {"Authorization": "Bearer x", "accept": "application/openmetrics-text"}
    options = {"host": "shop.example:8443", "headers": headers}
    ScrapeTarget(wsgi(seen=seen), **options).scrape()
    ScrapeTarget(asgi(seen=seen), **options).scrape()

    environ, scope = seen
    assert (environ["HTTP_HOST"], environ["SERVER_PORT"]) == ("shop.example:8443", "8443")
    assert environ["HTTP_AUTHORIZATION"] == "Bearer x"
    sent = {name.decode(): value.decode() for name, value in scope["headers"]}
    assert sent["host"] == "shop.example:8443"
    assert sent["accept"] == "application/openmetrics-text"
    assert scope["server"] == ("shop.example", 8443)


def test_the_path_may_have_a_query():
    """What stands behind the question mark is the query."""
    seen: list = []
    reading = ScrapeTarget(wsgi(seen=seen), path="/metrics?name[]=jobs").scrape()

    assert (seen[0]["PATH_INFO"], seen[0]["QUERY_STRING"]) == ("/metrics", "name[]=jobs")
    assert reading.path == "/metrics"


# Django is set up once for a process, so this one has its own.
DJANGO = """
import sys
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF=sys.modules[__name__],
    SECRET_KEY="x",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # it asks for the host
)
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpResponse
from django.urls import path
from promlatest.testing import ScrapeTarget, TargetDownError

urlpatterns = [path("metrics", lambda _: HttpResponse("jobs_total 3", content_type="text/plain"))]
app = get_wsgi_application()
connection.ensure_connection()
print(ScrapeTarget(app).value("jobs_total"))
try:
    ScrapeTarget(app, host="elsewhere.example").scrape()
except TargetDownError as error:
    print(error)
print(connection.connection is None)
"""


@pytest.mark.slow
def test_django_is_asked_as_its_own_client_asks_it(tmp_path):
    """By `testserver`, which its tests allow (a failure names the option for another), and
    without closing connections to databases, which are the test's."""
    pytest.importorskip("django")
    command = [sys.executable, "-c", DJANGO, str(tmp_path / "db")]

    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert told.startswith("3.0\n")
    assert "of host elsewhere.example answered 400" in told
    assert "say host=" in told
    assert told.endswith("False\n")


# What it answers


MAKERS = [pytest.param(wsgi, id="wsgi"), pytest.param(asgi, id="asgi")]


def redirecting(make, location: str):
    """An application that has its metrics elsewhere."""
    here = make(
        status="307 Moved" if make is wsgi else 307, headers=[("Location", location)]
    )
    there = make()

    def wsgi_app(environ, start_response):
        app = there if environ["PATH_INFO"] == "/metrics/" else here
        return app(environ, start_response)

    async def asgi_app(scope, receive, send):
        await (there if scope["path"] == "/metrics/" else here)(scope, receive, send)

    return wsgi_app if make is wsgi else asgi_app


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("location", ["/metrics/", "http://localhost/metrics/", "metrics/"])
def test_redirects_within_it_are_followed(make, location):
    """A mount that wants a slash at its end gets it."""
    assert ScrapeTarget(redirecting(make, location)).value("jobs_total") == 3


@pytest.mark.parametrize("make", MAKERS)
def test_a_redirect_to_somebody_else_is_named(make):
    """It is said where it leads."""
    app = redirecting(make, "https://login.example/")

    with pytest.raises(
        TargetDownError, match=r"307, to https://login\.example/: say path="
    ):
        ScrapeTarget(app).scrape()


@pytest.mark.parametrize("make", MAKERS)
def test_redirects_without_end(make):
    """A circle ends."""
    with pytest.raises(TargetDownError, match="redirected 5 times"):
        ScrapeTarget(redirecting(make, "/metrics")).scrape()


@pytest.mark.slow
def test_fastapi_mounts_are_followed():
    """`app.mount("/metrics", ...)` answers 307 without the slash at its end."""
    fastapi = pytest.importorskip("fastapi")
    registry = CollectorRegistry()
    Counter("jobs", "", registry=registry).inc(3)
    app = fastapi.FastAPI()
    app.mount("/metrics", make_asgi_app(registry))

    assert ScrapeTarget(app).value("jobs_total") == 3


@pytest.mark.parametrize("make", MAKERS)
def test_gzip_that_was_not_asked_for(make):
    """A packed answer is unpacked, and one that cannot be says so."""
    packed = [("Content-Encoding", "gzip")]

    assert ScrapeTarget(make(gzip.compress(BODY), headers=packed)).value("jobs_total") == 3
    with pytest.raises(TargetDownError, match="cannot be unpacked"):
        ScrapeTarget(make(b"no gzip", headers=packed)).scrape()
    with pytest.raises(TargetDownError, match="answered in br"):
        ScrapeTarget(make(headers=[("Content-Encoding", "br")])).scrape()


def test_a_path_that_is_not_there_says_which_option():
    """A 404 names `path=`."""
    with pytest.raises(TargetDownError, match="answered 404: say path="):
        ScrapeTarget(wsgi(status="404 Not Found")).scrape()


def failing_in_the_application(environ, start_response):
    raise RuntimeError("no database")


@pytest.mark.parametrize(
    "question",
    [
        lambda target: target.value("jobs_total"),
        lambda target: target.expect("jobs_total").to_reach(1, within=0),
    ],
    ids=["question", "wait"],
)
def test_the_traceback_of_the_application_is_kept(question):
    """What the application raised is the cause, down to its line."""
    with pytest.raises(TargetDownError) as caught:
        question(ScrapeTarget(failing_in_the_application))

    assert isinstance(caught.value.__cause__, RuntimeError)
    frames = traceback.extract_tb(caught.value.__cause__.__traceback__)
    assert frames[-1].name == "failing_in_the_application"


def test_an_answer_that_never_ends():
    """The timeout of a scrape ends it, part by part."""

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return itertools.repeat(b"# more\n")

    with pytest.raises(TargetDownError, match=r"no complete answer within 0\.05 s"):
        ScrapeTarget(app, timeout=0.05).value("jobs_total")


def test_an_application_that_gives_nothing():
    """A forgotten `return` is told as what it is."""
    with pytest.raises(TargetDownError, match="gave None for an answer"):
        ScrapeTarget(lambda environ, start_response: None).scrape()


def test_exemplars_in_openmetrics():
    """An application that is asked for OpenMetrics shows its exemplars."""
    registry = CollectorRegistry()
    Counter("jobs", "", registry=registry).inc(3, {"trace_id": "abc"})
    app = make_wsgi_app(registry)
    accept = {"Accept": "application/openmetrics-text"}

    target = ScrapeTarget(app, headers=accept)
    [exemplar] = target.exemplars("jobs_total")
    with pytest.raises(UsageError, match="name of a metric"):
        target.exemplars('{__name__=~"jobs.*"}')
    assert exemplar.labels == {"trace_id": "abc"}
    assert ScrapeTarget(registry).exemplars("jobs_total")[0].value == exemplar.value == 3
    with pytest.raises(AssertionError, match="exemplars come in OpenMetrics only"):
        ScrapeTarget(app).exemplars("jobs_total")
