"""The commands."""

from __future__ import annotations

import click


@click.group()
def main() -> None:
    """Find what makes LLM services fail under load, and rewrite it."""
