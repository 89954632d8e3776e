"""What Django needs, and no more."""

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS: list[str] = []
ROOT_URLCONF = "beside_urls"
SECRET_KEY = "x"
