"""Tables about the libraries that codemods know: data, one module per library."""

from __future__ import annotations

# What reaches one of these has to be judged together with the files that import it.
SHARED_ROOTS = frozenset(
    "openai anthropic groq mistralai google.genai langchain langchain_classic langchain_community langchain_core langchain_openai langchain_anthropic langchain_groq "
    "langchain_mistralai langchain_google_genai langchain_ollama langchain_aws langchain_cohere langchain_chroma langchain_huggingface langgraph langfuse instructor "
    "requests urllib.request urllib3 httpx sqlite3 psycopg psycopg2 pymysql redis pymongo boto3 smtplib subprocess time.sleep os.system os.popen shutil builtins.open "
    "pathlib.Path".split()
)


def shared(dotted: str) -> bool:
    """Whether a dotted path lies in one of the libraries of interest."""
    parts = dotted.split(".")
    return any(".".join(parts[:length]) in SHARED_ROOTS for length in range(1, min(len(parts), 3) + 1))
