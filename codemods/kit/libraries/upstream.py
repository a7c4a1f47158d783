"""Calls that wait for a model or a server, by name: for code whose objects can't be followed to their makers."""

from __future__ import annotations

# methods that only such objects have
METHODS = frozenset(
    [
        "ainvoke", "abatch", "astream", "astream_events", "astream_log", "agenerate", "agenerate_prompt", "apredict", "apredict_messages", "arun", "acall", "aapply",
        "aget_relevant_documents", "asimilarity_search", "asimilarity_search_with_score", "amax_marginal_relevance_search", "aembed_query", "aembed_documents", "aadd_documents",
        "aadd_texts", "acreate", "generate_content_async", "send_message_async", "complete_async", "stream_async", "achat", "acomplete", "aquery", "aretrieve", "ascrape",
    ]
)  # fmt: skip

# the ends of an SDK's dotted calls
TAILS = frozenset(
    [
        ("completions", "create"), ("completions", "parse"), ("completions", "stream"), ("responses", "create"), ("responses", "parse"), ("embeddings", "create"),
        ("messages", "create"), ("messages", "stream"), ("images", "generate"), ("images", "edit"), ("transcriptions", "create"), ("translations", "create"),
        ("speech", "create"), ("moderations", "create"), ("models", "generate_content"), ("models", "embed_content"), ("chat", "complete_async"),
    ]
)  # fmt: skip

FUNCTIONS = frozenset(["litellm.acompletion", "litellm.aembedding", "litellm.atext_completion", "litellm.aresponses", "aiohttp.request", "openai.ChatCompletion.acreate"])

HTTP_CLIENTS = frozenset(["aiohttp.ClientSession", "aiohttp.client.ClientSession", "httpx.AsyncClient", "aiohttp_retry.RetryClient", "httpx2.AsyncClient"])
HTTP_METHODS = frozenset(["get", "post", "put", "patch", "delete", "head", "options", "request", "send", "stream"])
HTTP_NAMES = frozenset(["session", "client", "http", "http_client", "http_session", "client_session", "async_client", "aclient"])  # of parameters without a type

SDK_CLIENTS = frozenset(["cohere.AsyncClient", "cohere.AsyncClientV2", "ollama.AsyncClient", "tavily.AsyncTavilyClient", "replicate.Client"])

LIMITERS = frozenset(
    [
        "asyncio.Semaphore", "asyncio.BoundedSemaphore", "asyncio.Lock", "asyncio.locks.Semaphore", "anyio.Semaphore", "anyio.CapacityLimiter", "anyio.Lock", "aiolimiter.AsyncLimiter",
        "asyncio_throttle.Throttler", "aiometer.amap", "pyrate_limiter.Limiter",
    ]
)  # fmt: skip
LIMITER_WORDS = ("sem", "limit", "throttl", "lock", "slot", "pool", "bounded", "concurren", "rate", "quota", "capacity", "permit")
SIGNALS = frozenset(["asyncio.Event", "asyncio.Condition", "asyncio.Barrier", "anyio.Event", "anyio.Condition"])
QUEUES = frozenset(["asyncio.Queue", "asyncio.PriorityQueue", "asyncio.LifoQueue", "asyncio.queues.Queue"])
