"""The version, where nothing has to be looked up: `importlib.metadata` takes 30 ms."""

__version__ = "0.2.0"
