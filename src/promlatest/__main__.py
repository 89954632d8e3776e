"""``python -m promlatest``: the same as the command ``promlatest``."""
