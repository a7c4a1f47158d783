"""LangGraph cycles and what counts their rounds."""
