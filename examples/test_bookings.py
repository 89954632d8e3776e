"""The bookings, tested by Django's own client, and looked at as a WSGI application."""

import pytest

django = pytest.importorskip("django")


@pytest.fixture(scope="module")
def application():
    from django.core.wsgi import get_wsgi_application
    from django.test.utils import setup_test_environment, teardown_test_environment

    with pytest.MonkeyPatch.context() as environment:  # other tests start programs
        environment.setenv("DJANGO_SETTINGS_MODULE", "bookings")
        application = get_wsgi_application()
        setup_test_environment()  # pytest-django does this by itself
        yield application
        teardown_test_environment()


@pytest.fixture
def client(application):
    from django.test import Client

    return Client()


def test_a_booking_is_counted(client, application, scrape_target):
    hotel = scrape_target(application)
    mark = hotel.mark()

    assert client.post("/bookings").status_code == 201

    assert mark.increase("bookings_total", outcome="taken", missing=0) == 1
    mark.expect("rooms_free").to_decrease_by(1)
    mark.assert_only("bookings_total", "rooms_free")


def test_nothing_is_refused_while_there_is_room(client, application, scrape_target):
    hotel = scrape_target(application)
    mark = hotel.mark()

    client.post("/bookings")

    # Whether another test has made this series already is no matter.
    assert mark.increase("bookings_total", outcome="refused", missing=0) == 0


def test_rooms_and_bookings_agree(client, application, scrape_target):
    hotel = scrape_target(application)
    mark = hotel.mark()

    client.post("/bookings")

    def agree(since):
        booked = since.increase("bookings_total", outcome="taken", missing=0)
        assert booked == -since.increase("rooms_free")
        return booked or since.increase("bookings_total", outcome="refused", missing=0)

    mark.expect_that(agree).to_hold()


def test_the_metrics_are_well_made(client, application, scrape_target):
    client.post("/bookings")  # a family without a sample is a finding

    scrape_target(application).assert_lint()
