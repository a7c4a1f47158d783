"""`python -m loadproof` is the command `loadproof`."""

from .cli.main import main

if __name__ == "__main__":
    main()
