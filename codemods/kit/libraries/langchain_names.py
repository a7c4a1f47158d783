"""What a dotted path of LangChain, LangGraph or a partner package makes, over all import paths that there ever were."""

from __future__ import annotations

from functools import cache

ROOTS = ("langchain", "langgraph", "deepagents", "langmem", "langserve")

# class methods that give an instance of their class
MAKERS = frozenset(
    "from_template from_messages from_role_strings from_strings from_file from_examples from_llm "
    "from_llms from_chain_type from_llm_and_api_docs from_agent_and_tools from_function from_texts "
    "from_documents "
    "from_embeddings from_existing_index from_existing_collection from_existing_graph from_client "
    "from_client_params from_connection_string from_conn_string from_conn_info from_uri "
    "from_retrievers "
    "from_model_id from_params from_vectorstore from_retriever from_url from_defaults from_prompts "
    "from_chains from_string from_orm load_local load construct_instance create from_um "
    "from_credentials "
    "afrom_texts afrom_documents afrom_embeddings from_runnable from_bearer_token from_api_operation "
    "from_embedding_and_retriever from_schema assign".split()
)

FUNCTIONS: dict[str, str] = {
    **dict.fromkeys("init_chat_model".split(), "chat-model"),
    **dict.fromkeys("init_embeddings".split(), "embeddings"),
    **dict.fromkeys(
        "load_qa_chain load_qa_with_sources_chain load_summarize_chain load_chain load_evaluator "
        "create_extraction_chain create_extraction_chain_pydantic create_tagging_chain "
        "create_tagging_chain_pydantic create_structured_output_chain create_openai_fn_chain "
        "create_citation_fuzzy_match_chain create_qa_with_sources_chain create_qa_with_structure_chain "
        "create_history_aware_chain".split(),
        "chain",
    ),
    **dict.fromkeys(
        "create_retrieval_chain create_stuff_documents_chain create_history_aware_retriever "
        "create_sql_query_chain create_structured_output_runnable create_openai_fn_runnable "
        "create_extraction_runnable "
        "create_openai_functions_agent create_openai_tools_agent create_tool_calling_agent "
        "create_structured_chat_agent create_json_chat_agent create_xml_agent "
        "create_self_ask_with_search_agent "
        "create_citation_fuzzy_match_runnable chain coerce_to_runnable".split(),
        "runnable",
    ),
    **dict.fromkeys("create_conversational_retrieval_agent initialize_agent load_agent".split(), "executor"),
    **dict.fromkeys(
        "create_agent create_deep_agent async_create_deep_agent create_tool_calling_executor "
        "chat_agent_executor entrypoint".split(),
        "graph",
    ),
    **dict.fromkeys("create_supervisor create_swarm".split(), "graph-builder"),
    **dict.fromkeys(
        "tool create_retriever_tool create_handoff_tool create_manage_memory_tool " "create_search_memory_tool".split(),
        "tool",
    ),
    **dict.fromkeys("load_tools load_huggingface_tool get_all_tools".split(), "tools"),
    **dict.fromkeys("load_prompt pull".split(), "prompt"),
    **dict.fromkeys("load_llm".split(), "llm"),
}

CLASSES: dict[str, str] = {
    **dict.fromkeys("AgentExecutor PlanAndExecute".split(), "executor"),
    **dict.fromkeys("StateGraph MessageGraph Graph".split(), "graph-builder"),
    **dict.fromkeys(
        "CompiledStateGraph CompiledGraph CompiledMessageGraph Pregel PregelProtocol RemoteGraph".split(), "graph"
    ),
    **dict.fromkeys(
        "RetrievalQA BaseRetrievalQA VectorDBQA PebbloRetrievalQA HypotheticalDocumentEmbedder MRKLChain "
        "NatBotChain APIChain GenerativeAgent".split(),
        "chain",
    ),
    **dict.fromkeys("BaseLanguageModel LanguageModelLike".split(), "model"),
    **dict.fromkeys(
        "AutoGPT BabyAGI RemoteRunnable HubRunnable ToolNode ValidationNode VectaraRAG "
        "OpenAIAssistantRunnable OpenAIAssistantV2Runnable RouterRunnable OpenAIFunctionsRouter".split(),
        "runnable",
    ),
    **dict.fromkeys("OutputFixingParser RetryOutputParser RetryWithErrorOutputParser".split(), "fixing-parser"),
    **dict.fromkeys(
        "MessagesPlaceholder HumanMessagePromptTemplate SystemMessagePromptTemplate " "AIMessagePromptTemplate".split(),
        "prompt",
    ),
    **dict.fromkeys(
        "Embeddings QianfanEmbeddingsEndpoint InfinityEmbeddingsLocal TitanTakeoffEmbed "
        "DeterministicFakeEmbedding".split(),
        "embeddings",
    ),
    **dict.fromkeys("InMemoryDocumentIndex DocumentIndex".split(), "retriever"),
    **dict.fromkeys(
        "BaseChatModel SimpleChatModel BedrockChat AzureMLChatOnlineEndpoint QianfanChatEndpoint "
        "GPTRouter LlamaEdgeChatService PaiEasChatEndpoint FakeListChatModel FakeMessagesListChatModel "
        "GenericFakeChatModel FakeChatModel HumanInputChatModel ParrotFakeChatModel ErnieBotChat "
        "MiniMaxChat JinaChat MoonshotChat VolcEngineMaasChat AzureChatOpenAI AzureAIChatCompletionsModel "
        "PromptLayerChatOpenAI BaseChatOpenAI AzureAIOpenAIApiChatModel".split(),
        "chat-model",
    ),
    **dict.fromkeys(
        "AI21 AI21LLM AlephAlpha AmazonAPIGateway Anthropic AnthropicLLM Anyscale Aphrodite Arcee Aviary "
        "AzureMLOnlineEndpoint AzureOpenAI BaichuanLLM Banana BaseLLM BaseOpenAI Beam Bedrock BedrockLLM "
        "CTransformers CTranslate2 CerebriumAI ChatGLM ChatGLM3 Clarifai CloudflareWorkersAI Cohere "
        "CohereLLM Databricks DeepInfra DeepSparse EdenAI ExLlamaV2 FakeListLLM FakeStreamingListLLM "
        "Fireworks "
        "ForefrontAI Friendli GPT4All GigaChat GooglePalm GoogleGenerativeAI GooseAI GradientLLM "
        "HuggingFaceEndpoint HuggingFaceHub HuggingFacePipeline HuggingFaceTextGenInference HumanInputLLM "
        "IpexLLM "
        "JavelinAIGateway KoboldApiLLM Konko LLM LlamaCpp Llamafile MLXPipeline Minimax Mlflow "
        "MlflowAIGateway Modal Moonshot MosaicML NVIDIA NLPCloud Nebula OCIGenAI OctoAIEndpoint Ollama "
        "OllamaLLM OpenAI "
        "OpenAIChat OpenLLM OpenLM Outlines PaiEasEndpoint Petals PipelineAI Predibase PredictionGuard "
        "PromptLayerOpenAI PromptLayerOpenAIChat QianfanLLMEndpoint RWKV Replicate SagemakerEndpoint "
        "SambaNovaCloud SelfHostedHuggingFaceLLM SelfHostedPipeline Solar SparkLLM StochasticAI TextGen "
        "TitanTakeoff Together Tongyi VLLM VLLMOpenAI VertexAI VertexAIModelGarden VolcEngineMaasLLM "
        "WatsonxLLM Writer Xinference YandexGPT YiLLM You Yuan2".split(),
        "llm",
    ),
    **dict.fromkeys(
        "Aerospike AnalyticDB Annoy ApacheDoris ApertureDB AstraDB AstraDBVectorStore AtlasDB AwaDB "
        "AzureCosmosDBNoSqlVectorSearch AzureCosmosDBVectorSearch AzureSearch Bagel BaiduVectorDB "
        "BigQueryVectorSearch "
        "Cassandra CassandraGraphVectorStore Chroma Clickhouse DashVector DatabricksVectorSearch DeepLake "
        "Dingo DocArrayHnswSearch DocArrayInMemorySearch DuckDB ElasticKnnSearch ElasticVectorSearch "
        "ElasticsearchStore Epsilla FAISS FalkorDBVector Hippo Hologres InfinispanVS Jaguar KDBAI "
        "Kinetica LLMRails LanceDB Lantern ManticoreSearch Marqo MatchingEngine Meilisearch Milvus "
        "MomentoVectorIndex "
        "MongoDBAtlasVectorSearch MyScale Neo4jVector NucliaDB OpenSearchVectorSearch PGEmbedding "
        "PGVecto_rs PGVector PathwayVectorClient Pinecone PineconeVectorStore Qdrant QdrantVectorStore "
        "Redis Relyt Rockset "
        "SKLearnVectorStore SQLiteVSS SQLiteVec ScaNN SemaDB SingleStoreDB StarRocks SupabaseVectorStore "
        "SurrealDBStore Tair TencentVectorDB TiDBVectorStore TileDB TimescaleVector Typesense USearch "
        "UpstashVectorStore VLite Vald Vearch Vectara VespaStore VikingDB Weaviate WeaviateVectorStore "
        "XataVectorStore Yellowbrick ZepVectorStore ZepCloudVectorStore Zilliz VectorStore".split(),
        "vector-store",
    ),
}

# (how a class's name ends, family): the first that fits
ENDS = (
    ("PromptTemplate", "prompt"),
    ("PromptWithTemplates", "prompt"),
    ("Prompt", "prompt"),
    ("ChatMessageHistory", "history"),
    ("RunnableWithMessageHistory", "runnable"),
    ("OutputParser", "parser"),
    ("OutputFunctionsParser", "parser"),
    ("ToolsParser", "parser"),
    ("Saver", "checkpointer"),
    ("Memory", "memory"),
    ("Retriever", "retriever"),
    ("Embeddings", "embeddings"),
    ("VectorStore", "vector-store"),
    ("AgentExecutor", "executor"),
    ("Chain", "chain"),
    ("APIWrapper", "utility"),
    ("Wrapper", "utility"),
    ("Tool", "tool"),
    ("QueryRun", "tool"),
    ("ChatModel", "chat-model"),
)

# (a part of the module's path, family): for the classes that nothing else tells
MODULES = (
    ("vectorstores", "vector-store"),
    ("llms", "llm"),
    ("chat_models", "chat-model"),
    ("embeddings", "embeddings"),
    ("retrievers", "retriever"),
    ("tools", "tool"),
    ("utilities", "utility"),
    ("chat_message_histories", "history"),
    ("memory", "memory"),
)

NOT_INSTANCES = (
    "Error",
    "Exception",
    "Exceptions",
    "Message",
    "MessageChunk",
    "Document",
    "Enum",
    "Type",
    "Config",
    "Schema",
    "Input",
    "Output",
    "Handler",
    "Toolkit",
    "Action",
    "Finish",
    "State",
    "Loader",
    "Splitter",
)


def known(path: str) -> bool:
    """Whether a dotted path lies in LangChain, LangGraph or a partner package."""
    root = path.partition(".")[0]
    return root in ROOTS or root.startswith(("langchain_", "langgraph_"))


@cache
def class_family(path: str) -> str:
    """The family of a class's instances, "" for a class that is none of them or no class."""
    if not known(path):
        return ""
    module, _, name = path.rpartition(".")
    if not name[:1].isupper() and name[:2] != "_C":
        return ""
    if name in CLASSES:
        return "history" if name == "Redis" and "histor" in module else CLASSES[name]
    if name.endswith(NOT_INSTANCES) and not name.endswith("MessageHistory"):
        return ""
    if name.startswith("Chat") and not name.endswith(
        ("Template", "History", "Memory", "Parser", "Value", "Generation", "Result", "Retriever", "Chain", "Agent")
    ):
        return "chat-model"
    if name.startswith("Runnable"):
        return "runnable"
    for ending, family in ENDS:
        if name.endswith(ending):
            return family
    parts = module.split(".")
    if name.startswith("InMemoryStore") or "store" in parts:
        return "store"
    return next((family for part, family in MODULES if part in parts), "")


@cache
def made(path: str) -> tuple[str, str]:
    """What calling the dotted path gives: (family, the class's or function's own path); ("", "") for nothing of interest."""
    if not known(path):
        return "", ""
    owner, _, name = path.rpartition(".")
    if family := class_family(path):
        return family, path
    if name in MAKERS and (family := class_family(owner)):
        return family, owner
    if name == "create_react_agent":
        return ("graph" if path.startswith("langgraph") else "runnable"), path
    if name in FUNCTIONS:
        if name == "pull" and not owner.endswith("hub"):
            return "", ""
        return FUNCTIONS[name], path
    if name.startswith("create_") and name.endswith("_agent"):
        return "executor", path
    return "", ""
