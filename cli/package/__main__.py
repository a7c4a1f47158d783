"""The command `loadproof`, also as `python -m loadproof`."""

from __future__ import annotations

import gc
import os
import sys


def main() -> None:
    """Never import from the folder that we work on: a stranger's click.py or git.py in it would run."""
    here = os.getcwd()
    sys.path[:] = [folder for folder in sys.path if folder and os.path.abspath(folder) != here]
    gc.disable()  # nothing that an import makes is garbage
    from .cli.main import main

    gc.enable()
    main()


if __name__ == "__main__":
    main()
