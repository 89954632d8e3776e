"""A shop of one page, and its metrics."""

from django.http import HttpResponse
from django.urls import path
from prometheus_client import CollectorRegistry, Counter, generate_latest

REGISTRY = CollectorRegistry()
ORDERS = Counter("orders", "Orders taken.", registry=REGISTRY)


def order(request):
    ORDERS.inc()
    return HttpResponse("thank you")


def metrics(request):
    return HttpResponse(generate_latest(REGISTRY), content_type="text/plain")


urlpatterns = [path("order", order), path("metrics", metrics)]
