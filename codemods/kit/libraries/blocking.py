"""What makes a thread wait: calls of libraries, methods of their objects, and which of those objects may change threads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# what is waited for: a finding's words, and whether a helper that does it counts as blocking ("quick" does not)
What = Literal["sleep", "network", "process", "file", "quick", "database", "input", "mail", "model"]
# which threads may use an object: any at any time, any but one at a time, only the one that made it
Threads = Literal["any", "one", "own"]


@dataclass(frozen=True, slots=True)
class Kind:
    """Objects of a library, by what makes them; `blocking` None means every method that is not `free`."""

    name: str
    what: What
    made_by: tuple[str, ...]
    blocking: frozenset[str] | None = frozenset()
    free: frozenset[str] = frozenset()
    lazy: frozenset[str] = frozenset()  # what they give waits while it is iterated; "" is the object itself
    gives: Mapping[str, str] = field(default_factory=dict)  # method, attribute, "[]" or "()" -> kind; "*" is any attribute
    threads: Threads = "any"
    exit_waits: bool = False  # leaving `with` talks to the other side, too

    def waits(self, method: str) -> bool:
        """Whether calling the method waits."""
        if self.blocking is None:
            return method not in self.free and method not in self.lazy and not method.startswith("__")
        return method in self.blocking


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _under(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}.{name}" for name in names.split())


_VERBS = "get post put patch delete head options request"
_DB = _words("execute executemany executescript fetchone fetchall fetchmany commit rollback callproc copy_expert copy_from copy_to")
_SESSION = _words(
    "execute scalar scalars get get_one commit flush rollback refresh merge bulk_save_objects bulk_insert_mappings all first one one_or_none scalar_one scalar_one_or_none count delete update"
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "requests session", "network", ("requests.Session", "requests.session", "requests.sessions.Session", "requests_cache.CachedSession", "cloudscraper.create_scraper"),
            _words(f"{_VERBS} send"),
        ),
        Kind("httpx client", "network", ("httpx.Client", "httpx2.Client"), _words(f"{_VERBS} send close"), lazy=_words("stream")),
        Kind("urllib3 pool", "network", ("urllib3.PoolManager", "urllib3.HTTPConnectionPool", "urllib3.HTTPSConnectionPool", "urllib3.ProxyManager"), _words("request urlopen request_encode_body request_encode_url")),
        Kind("response being read", "network", ("urllib.request.urlopen", "http.client.HTTPConnection.getresponse"), _words("read readline readlines read1 readinto"), lazy=frozenset({""}), threads="one"),
        Kind(
            "http connection", "network", ("http.client.HTTPConnection", "http.client.HTTPSConnection"), _words("request getresponse connect endheaders send"),
            gives={"getresponse": "response being read"}, threads="one",
        ),
        Kind("socket", "network", ("socket.socket", "socket.create_connection"), _words("connect recv recv_into recvfrom send sendall sendto accept makefile"), threads="one"),
        Kind(
            "process", "process", ("subprocess.Popen",), _words("wait communicate"), gives={"stdout": "file", "stderr": "file", "stdin": "file"}, exit_waits=True,
        ),
        Kind(
            "file", "file", ("builtins.open", "io.open", "codecs.open", "gzip.open", "bz2.open", "lzma.open", "os.popen", "os.fdopen", "io.open_code", "tempfile.TemporaryFile"),
            _words("read readline readlines write writelines read1 readinto readall flush"), lazy=frozenset({""}), threads="one",
        ),
        Kind(
            "path", "file", ("pathlib.Path", "pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.Path.cwd", "pathlib.Path.home"),
            _words("read_text read_bytes write_text write_bytes open"),
            gives={"open": "file", "parent": "path", "[]": "path"} | dict.fromkeys(("joinpath", "with_suffix", "with_name", "with_stem", "resolve", "absolute", "expanduser", "relative_to"), "path"),
        ),
        Kind("sqlite3 connection", "database", ("sqlite3.connect", "sqlite3.Connection", "sqlite3.dbapi2.connect"), _DB | {"backup"}, gives={"cursor": "sqlite3 cursor", "execute": "sqlite3 cursor"}, threads="own", exit_waits=True),
        Kind("sqlite3 cursor", "database", ("sqlite3.Cursor",), _DB, gives={"execute": "sqlite3 cursor"}, lazy=frozenset({""}), threads="own"),
        Kind(
            "database connection", "database",
            ("psycopg2.connect", "psycopg.connect", "psycopg.Connection.connect", "psycopg.Connection", "pymysql.connect", "pymysql.connections.Connection", "MySQLdb.connect",
             "mysql.connector.connect", "pyodbc.connect", "cx_Oracle.connect", "oracledb.connect", "psycopg2.extensions.connection", "duckdb.connect", "snowflake.connector.connect",
             "clickhouse_driver.Client", "psycopg2.pool.SimpleConnectionPool.getconn"),
            _DB | {"ping", "begin"}, gives={"cursor": "database cursor", "execute": "database cursor"}, threads="one", exit_waits=True,
        ),
        Kind("database cursor", "database", ("psycopg2.extensions.cursor", "psycopg.Cursor", "pymysql.cursors.Cursor"), _DB, gives={"execute": "database cursor"}, lazy=frozenset({""}), threads="one"),
        Kind("SQLAlchemy engine", "database", ("sqlalchemy.create_engine", "sqlmodel.create_engine", "sqlalchemy.engine.create_engine", "sqlalchemy.Engine", "sqlalchemy.engine.Engine"), _words("execute scalar"), gives={"connect": "SQLAlchemy connection", "begin": "SQLAlchemy connection"}),
        Kind("SQLAlchemy connection", "database", ("sqlalchemy.Connection", "sqlalchemy.engine.Connection"), _SESSION, gives={"execute": "SQLAlchemy result", "connection": "SQLAlchemy connection"}, threads="own", exit_waits=True),
        Kind("session factory", "database", ("sqlalchemy.orm.sessionmaker", "sqlalchemy.orm.scoped_session"), gives={"()": "SQLAlchemy session", "begin": "SQLAlchemy session"}),
        Kind(
            "SQLAlchemy session", "database", ("sqlalchemy.orm.Session", "sqlalchemy.orm.session.Session", "sqlmodel.Session"), _SESSION,
            gives={"query": "SQLAlchemy query", "execute": "SQLAlchemy result", "scalars": "SQLAlchemy result", "exec": "SQLAlchemy result"}, threads="own", exit_waits=True,
        ),
        Kind(
            "SQLAlchemy query", "database", ("sqlalchemy.orm.Query",), _SESSION - {"execute", "commit", "flush", "rollback", "refresh", "merge"}, lazy=frozenset({""}), threads="own",
            gives=dict.fromkeys(_words("filter filter_by join outerjoin order_by limit offset options group_by distinct where having with_entities select_from"), "SQLAlchemy query"),
        ),
        Kind("SQLAlchemy result", "database", (), threads="own"),
        Kind(
            "redis client", "database",
            ("redis.Redis", "redis.StrictRedis", "redis.from_url", "redis.Redis.from_url", "redis.StrictRedis.from_url", "redis.client.Redis", "redis.cluster.RedisCluster", "redis.RedisCluster"),
            None, _words("pipeline pubsub lock register_script close from_url get_connection_kwargs get_encoder set_response_callback json ft ts bf cf cms topk tdigest transaction monitor client_list_iter"),
            lazy=_words("scan_iter hscan_iter sscan_iter zscan_iter"), gives={"pipeline": "redis pipeline"},
        ),
        Kind("redis pipeline", "database", ("redis.client.Pipeline",), _words("execute"), threads="one"),
        Kind(
            "mongo client", "database", ("pymongo.MongoClient", "pymongo.mongo_client.MongoClient", "pymongo.collection.Collection", "pymongo.database.Database"),
            _words(
                "find_one insert_one insert_many update_one update_many replace_one delete_one delete_many count_documents estimated_document_count distinct find_one_and_update "
                "find_one_and_delete find_one_and_replace bulk_write create_index create_indexes drop_index drop list_collection_names list_database_names server_info command"
            ),
            lazy=_words("find aggregate watch list_indexes"), gives={"*": "mongo client", "[]": "mongo client", "get_database": "mongo client", "get_collection": "mongo client", "find": "mongo cursor", "aggregate": "mongo cursor"},
        ),
        Kind("mongo cursor", "database", (), _words("to_list next"), lazy=frozenset({""}), gives=dict.fromkeys(_words("sort limit skip batch_size hint"), "mongo cursor"), threads="one"),
        Kind(
            "boto3 client", "network", ("boto3.client",), None,
            _words("get_paginator get_waiter generate_presigned_url generate_presigned_post can_paginate close meta exceptions"), gives={"get_waiter": "boto3 waiter"},
        ),
        Kind("boto3 waiter", "network", (), _words("wait")),
        Kind("mail server", "mail", ("smtplib.SMTP", "smtplib.SMTP_SSL", "imaplib.IMAP4", "imaplib.IMAP4_SSL"), _words("login sendmail send_message starttls ehlo helo quit connect select search fetch store noop"), threads="one", exit_waits=True),
        Kind(
            "Gemini model", "network", ("google.generativeai.GenerativeModel", "vertexai.generative_models.GenerativeModel", "vertexai.preview.generative_models.GenerativeModel"),
            _words("generate_content"), gives={"start_chat": "Gemini chat"},
        ),
        Kind("Gemini chat", "network", ("google.generativeai.ChatSession", "vertexai.generative_models.ChatSession"), _words("send_message"), threads="one"),
        Kind("Ollama client", "network", ("ollama.Client",), _words("chat generate embed embeddings pull")),
        Kind("Together client", "network", ("together.Together",), _words("create generate"), gives={"*": "Together client"}),
        Kind("Replicate client", "network", ("replicate.Client",), _words("run")),
        Kind("FTP connection", "network", ("ftplib.FTP", "ftplib.FTP_TLS"), _words("connect login retrbinary storbinary retrlines storlines nlst cwd quit"), threads="one", exit_waits=True),
        Kind("SSH connection", "network", ("paramiko.SSHClient",), _words("connect exec_command"), threads="one"),
    )
}  # fmt: skip
BY_MAKER: dict[str, Kind] = {path: kind for kind in KINDS.values() for path in kind.made_by}

# modules that read one of their arguments to its end: which one (`json.load(f)`)
CONSUMERS: dict[str, int] = {
    "json.load": 0, "json.dump": 1, "pickle.load": 0, "pickle.dump": 1, "yaml.load": 0, "yaml.safe_load": 0, "yaml.dump": 1, "yaml.safe_dump": 1, "tomllib.load": 0, "toml.load": 0,
    "tomli.load": 0, "marshal.load": 0, "joblib.load": 0, "joblib.dump": 1, "builtins.list": 0, "builtins.tuple": 0, "builtins.set": 0, "builtins.sum": 0,
}  # fmt: skip
# what they give reads the argument while it is iterated
READERS = frozenset({"csv.reader", "csv.DictReader", "builtins.enumerate", "builtins.iter", "builtins.zip", "builtins.map", "builtins.filter", "itertools.islice", "codecs.iterdecode"})

CALLS: dict[str, What] = {
    "time.sleep": "sleep",
    "builtins.input": "input",
    **dict.fromkeys(_under("requests", _VERBS), "network"),
    **dict.fromkeys(_under("requests.api", _VERBS), "network"),
    **dict.fromkeys(_under("httpx", f"{_VERBS} stream"), "network"),
    **dict.fromkeys(_under("httpx2", f"{_VERBS} stream"), "network"),
    "urllib3.request": "network",
    **dict.fromkeys(_under("urllib.request", "urlopen urlretrieve"), "network"),
    **dict.fromkeys(_under("socket", "create_connection getaddrinfo gethostbyname gethostbyname_ex gethostbyaddr"), "network"),
    **dict.fromkeys(_under("subprocess", "run call check_call check_output getoutput getstatusoutput Popen"), "process"),
    **dict.fromkeys(_under("os", "system popen wait wait3 wait4 waitpid waitid posix_spawn posix_spawnp startfile spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe"), "process"),
    **dict.fromkeys(("builtins.open", "io.open", "io.open_code", "codecs.open", "gzip.open", "bz2.open", "lzma.open"), "file"),
    **dict.fromkeys(_under("shutil", "copy copy2 copyfile copyfileobj copytree move rmtree make_archive unpack_archive"), "file"),
    **dict.fromkeys(
        ("sqlite3.connect", "psycopg2.connect", "psycopg.connect", "psycopg.Connection.connect", "pymysql.connect", "MySQLdb.connect", "mysql.connector.connect", "pyodbc.connect", "oracledb.connect", "snowflake.connector.connect"),
        "database",
    ),
    **dict.fromkeys(("smtplib.SMTP", "smtplib.SMTP_SSL", "imaplib.IMAP4", "imaplib.IMAP4_SSL"), "mail"),
    **dict.fromkeys((*_under("ollama", "chat generate embed embeddings"), "replicate.run", "google.generativeai.embed_content"), "network"),
    **dict.fromkeys(_under("os.path", "abspath exists expanduser getatime getctime getmtime getsize isdir isfile islink ismount lexists realpath relpath samefile sameopenfile samestat"), "quick"),
}  # fmt: skip

# methods of a path that look at a directory entry: microseconds on a local disk
QUICK_PATH = _words(
    "exists is_file is_dir is_symlink is_mount stat lstat mkdir rmdir unlink rename replace touch resolve absolute samefile owner group chmod lchmod readlink symlink_to hardlink_to "
    "expanduser iterdir glob rglob walk"
)

LAST_NAMES = frozenset(path.rpartition(".")[2] for path in (*CALLS, *CONSUMERS, *READERS))
METHODS: dict[str, tuple[Kind, ...]] = {}  # method -> the kinds that wait in it
for _kind in KINDS.values():
    for _method in (_kind.blocking or frozenset()) | (_kind.lazy - {""}):
        METHODS[_method] = (*METHODS.get(_method, ()), _kind)
ANY_METHOD = tuple(kind for kind in KINDS.values() if kind.blocking is None)

# what a function must not touch if it is to run in another thread: dotted path or its beginning -> in words
THREAD_BOUND: dict[str, str] = {
    "streamlit": "Streamlit's script context belongs to one thread",
    "playwright.sync_api": "Playwright's sync objects belong to one thread",
    "tkinter": "tkinter belongs to one thread",
    "pygame": "pygame belongs to one thread",
    "flask_socketio": "Flask-SocketIO's context belongs to one thread",
    "threading.local": "a threading.local is empty in another thread",
    "threading.get_ident": "it asks which thread it runs in",
    "threading.current_thread": "it asks which thread it runs in",
    "signal.signal": "signals can be set in the main thread only",
    "signal.alarm": "signals can be set in the main thread only",
    "signal.setitimer": "signals can be set in the main thread only",
    "matplotlib.pyplot": "pyplot's current figure is shared by all threads",
    "os.chdir": "the working directory is shared by all threads",
    "sys.settrace": "tracing is set per thread",
    "flask.g": "Flask's context belongs to one request",
    "flask.request": "Flask's context belongs to one request",
    "flask.session": "Flask's context belongs to one request",
    "flask.current_app": "Flask's context belongs to one request",
    "sqlalchemy.orm.scoped_session": "a scoped_session is another one in each thread",
    "django.db.transaction": "Django's transactions belong to one thread",
}
LOOP_BOUND: dict[str, str] = {"aiohttp.ClientSession": "it makes an aiohttp session, which belongs to the running loop", "nest_asyncio": "it runs the loop again from inside"}
# parts of asyncio that any thread may use
LOOP_FREE = _words("iscoroutinefunction iscoroutine TimeoutError CancelledError InvalidStateError run_coroutine_threadsafe Semaphore Lock Event Queue QueueEmpty AbstractEventLoop")

LOCKS = frozenset(
    f"{module}.{name}" for module in ("threading", "multiprocessing") for name in ("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition")
) | {"filelock.FileLock", "filelock.SoftFileLock", "portalocker.Lock", "fasteners.InterProcessLock"}
# process-wide while the block lasts: others would run inside it
WIDE_CONTEXTS = frozenset(
    {"contextlib.redirect_stdout", "contextlib.redirect_stderr", "contextlib.chdir", "warnings.catch_warnings", "unittest.mock.patch", "unittest.mock.patch.object", "unittest.mock.patch.dict"}
)

# words of which a file must hold one to be of interest
MENTIONS = (
    "requests", "httpx", "urlopen", "urllib3", "sleep", "subprocess", "os.system", "os.popen", "os.wait", "os.spawn", "posix_spawn", "open(", "Path", "input(", "sqlite3", "psycopg", "pymysql", "MySQLdb",
    "mysql.connector", "sqlalchemy", "sqlmodel", "redis", "pymongo", "boto3", "smtplib", "imaplib", "ftplib", "paramiko", "shutil", "socket", "http.client", "urlretrieve", "os.path", "startfile",
    "openai", "anthropic", "groq", "mistralai", "cohere", "genai", "generativeai", "generative_models", "together", "ollama", "replicate", "langchain", "langgraph",
)  # fmt: skip

# Language models, called in a sync function: the constructors of clients by package, and the methods of their parts that send a request.
SDK_CLIENTS: dict[str, frozenset[str]] = {
    "openai": _words("OpenAI AzureOpenAI Client"), "anthropic": _words("Anthropic AnthropicBedrock AnthropicVertex Client"), "groq": _words("Groq Client"), "mistralai": _words("Mistral MistralClient"),
    "cohere": _words("Client ClientV2"), "google.genai": _words("Client"), "google.generativeai": _words("GenerativeModel"), "vertexai": _words("GenerativeModel"), "ollama": _words("Client"), "together": _words("Together"), "replicate": _words("Client"), "langfuse.openai": _words("OpenAI AzureOpenAI"),
}  # fmt: skip
SDK_CALLS = _words("create parse generate generate_content generate_images embed_content complete embed chat edit send_message embeddings run transcribe translate rerank upload")
_MODELS = _words("chat-model llm model runnable chain executor graph")
CALLED = _words("chain executor llm chat-model model")  # the same, by calling the object itself
RUNS: dict[str, frozenset[str]] = {
    **dict.fromkeys(_words("invoke batch"), _MODELS | {"retriever"}),
    **dict.fromkeys(_words("run predict apply generate"), _words("chain executor llm chat-model model")),
    **dict.fromkeys(_words("predict_messages call_as_llm"), _words("llm chat-model model")),
    "get_relevant_documents": _words("retriever"),
    **dict.fromkeys(_words("similarity_search similarity_search_with_score max_marginal_relevance_search add_documents add_texts from_documents from_texts"), _words("vector-store")),
    **dict.fromkeys(_words("embed_query embed_documents"), _words("embeddings")),
}  # fmt: skip
