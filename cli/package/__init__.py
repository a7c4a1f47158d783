"""loadproof: rewrite what makes LLM services fail under load."""

__version__ = "0.1.0"
