# pytest's doctest plugin would import the programs a second time, and their counters are
# global, so prometheus_client would refuse them.
collect_ignore = ["feed.py", "mailer.py", "shop.py"]
