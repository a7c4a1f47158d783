"""The command `loadproof`, also as `python -m loadproof`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Never import from the folder that we work on: a stranger's click.py or git.py in it would run."""
    here = os.getcwd()
    sys.path[:] = [folder for folder in sys.path if folder and os.path.abspath(folder) != here]
    from .cli.main import main

    main()


if __name__ == "__main__":
    main()
