# pytest's doctest plugin would import the programs a second time, and their counters are
# global, so prometheus_client would refuse them.
collect_ignore = ["bookings.py", "feed.py", "mailer.py", "relay.py", "shop.py"]
