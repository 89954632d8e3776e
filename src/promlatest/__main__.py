"""``python -m promlatest``: the same as the command ``promlatest``."""

import sys

from promlatest.cli import main

if __name__ == "__main__":
    sys.exit(main())
