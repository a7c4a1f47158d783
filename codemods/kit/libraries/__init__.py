"""Tables about the libraries that codemods know: data, one module per library."""

from __future__ import annotations

# What makes sessions with a database: an object of one is shared between files, and matters where asynchronous code or another process uses it.
SESSIONS = frozenset("sqlalchemy.create_engine sqlmodel.create_engine sqlalchemy.orm.sessionmaker sqlalchemy.orm.scoped_session".split())
# An object of one of these, shared between files, has to be judged in all of them.
CLIENTS = SESSIONS | frozenset(
    "openai anthropic groq mistralai cohere google.genai instructor langfuse langsmith.wrappers langgraph langchain langchain_classic langchain_community langchain_core "
    "langchain_openai langchain_anthropic langchain_groq langchain_mistralai langchain_google_genai langchain_google_vertexai langchain_ollama langchain_aws langchain_cohere "
    "langchain_chroma langchain_pinecone langchain_huggingface langchain_redis redis aiohttp.ClientSession httpx.AsyncClient httpx.Client requests.Session requests.session".split()
)
# Parts of them that hold no state and call nothing.
PLAIN = frozenset(
    "langchain_core.messages langchain_core.documents langchain_core.prompts langchain_core.output_parsers langchain_core.exceptions langchain_core.utils langchain_core.load "
    "langchain_core.pydantic_v1 langchain.schema langchain.prompts langchain.docstore langchain.text_splitter langchain.output_parsers langchain.document_loaders "
    "langchain_community.document_loaders langchain_classic.schema langchain_classic.prompts langchain_classic.text_splitter openai.types anthropic.types "
    "langgraph.types langgraph.errors langgraph.constants".split()
)
# What blocks the thread that calls it.
BLOCKING = frozenset(
    "requests.get requests.post requests.put requests.patch requests.delete requests.head requests.options requests.request requests.Session requests.session requests.api "
    "urllib.request.urlopen urllib.request.urlretrieve urllib3.PoolManager urllib3.request httpx.get httpx.post httpx.put httpx.patch httpx.delete httpx.head httpx.options "
    "httpx.request httpx.stream httpx.Client sqlite3.connect psycopg.connect psycopg2.connect pymysql.connect MySQLdb.connect redis.Redis redis.from_url redis.StrictRedis "
    "pymongo.MongoClient boto3.client boto3.resource smtplib.SMTP smtplib.SMTP_SSL time.sleep socket.getaddrinfo socket.gethostbyname socket.create_connection".split()
)
# What blocks as well, mostly for a short time: counted where a function itself calls it, not through others.
BRIEFLY = frozenset(
    "subprocess.run subprocess.call subprocess.check_call subprocess.check_output subprocess.getoutput subprocess.getstatusoutput subprocess.Popen os.system os.popen "
    "builtins.open shutil.copy shutil.copyfile shutil.copytree shutil.rmtree shutil.move sqlalchemy.orm.Session sqlmodel.Session".split()
)


def lies_in(dotted: str, table: frozenset[str]) -> bool:
    """Whether a dotted path is one of the table's, or lies below one."""
    parts = dotted.split(".")
    return any(".".join(parts[:length]) in table for length in range(1, min(len(parts), 3) + 1))


def is_client(dotted: str) -> bool:
    return lies_in(dotted, CLIENTS) and not lies_in(dotted, PLAIN) and not dotted.endswith(("Error", "Exception"))


def blocks(dotted: str) -> bool:
    return lies_in(dotted, BLOCKING)


def blocks_briefly(dotted: str) -> bool:
    return dotted in BRIEFLY
