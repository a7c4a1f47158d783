"""Tables about the libraries that codemods know: data, one module per library."""

from __future__ import annotations

# What reaches one of these may have to be judged together with the files that import it.
SHARED_ROOTS = frozenset(
    "openai anthropic groq mistralai google langchain langchain_classic langchain_community langchain_core langchain_openai langchain_anthropic langchain_groq "
    "langchain_mistralai langchain_google_genai langchain_ollama langchain_aws langchain_cohere langgraph langfuse instructor requests urllib urllib3 httpx aiohttp "
    "time subprocess sqlite3 psycopg psycopg2 redis pymongo sqlalchemy multiprocessing boto3 shutil os".split()
)
