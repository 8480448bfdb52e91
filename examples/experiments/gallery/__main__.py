"""``python -m examples.experiments.gallery``: all experiments, or some."""

import sys

from examples.experiments.gallery.command import main

if __name__ == "__main__":
    sys.exit(main())
