"""A Django project in one file: rooms are booked, and its metrics are a view of it.

DJANGO_SETTINGS_MODULE=bookings django-admin runserver
"""

from django.http import HttpRequest, HttpResponse
from django.urls import path
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

ALLOWED_HOSTS: list[str] = []  # Django's test runner adds "testserver"
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = __name__
SECRET_KEY = "an example has no secrets"

REGISTRY = CollectorRegistry()
BOOKINGS = Counter(
    "bookings", "Bookings, by what became of them.", ["outcome"], registry=REGISTRY
)
FREE = Gauge("rooms_free", "Rooms that nobody has booked.", registry=REGISTRY)
FREE.set(50)


def book(request: HttpRequest) -> HttpResponse:
    if FREE._value.get() == 0:
        BOOKINGS.labels("refused").inc()
        return HttpResponse("all rooms are taken", status=409)
    FREE.dec()
    BOOKINGS.labels("taken").inc()
    return HttpResponse("see you soon", status=201)


def metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(generate_latest(REGISTRY), content_type="text/plain; version=0.0.4")


urlpatterns = [path("bookings", book), path("metrics", metrics)]
