"""Where the names of old `langchain` import paths live today: checked against langchain 0.1, 0.2, 0.3 and 1.x."""

from __future__ import annotations

# new module -> names; each new path exists in all four generations where its distribution is installed
MOVES: dict[str, str] = {
    "langchain_openai": "ChatOpenAI AzureChatOpenAI OpenAI AzureOpenAI OpenAIEmbeddings AzureOpenAIEmbeddings",
    "langchain_anthropic": "ChatAnthropic",
    "langchain_community.vectorstores": "FAISS Chroma Qdrant Weaviate Milvus ElasticsearchStore PGVector Redis",
    "langchain_community.embeddings": "HuggingFaceEmbeddings HuggingFaceInstructEmbeddings SentenceTransformerEmbeddings",
    "langchain_community.chat_message_histories": "RedisChatMessageHistory SQLChatMessageHistory FileChatMessageHistory MongoDBChatMessageHistory PostgresChatMessageHistory",
    "langchain_community.document_loaders": (
        "PyPDFLoader WebBaseLoader TextLoader DirectoryLoader CSVLoader UnstructuredFileLoader UnstructuredURLLoader PyPDFDirectoryLoader JSONLoader YoutubeLoader "
        "UnstructuredPDFLoader Docx2txtLoader UnstructuredMarkdownLoader UnstructuredWordDocumentLoader PyMuPDFLoader OnlinePDFLoader GitLoader WikipediaLoader ArxivLoader"
    ),
    "langchain_community.callbacks": "get_openai_callback",
    "langchain_core.chat_history": "InMemoryChatMessageHistory BaseChatMessageHistory",
    "langchain_core.prompts": (
        "PromptTemplate ChatPromptTemplate MessagesPlaceholder SystemMessagePromptTemplate HumanMessagePromptTemplate AIMessagePromptTemplate FewShotPromptTemplate "
        "BasePromptTemplate StringPromptTemplate FewShotChatMessagePromptTemplate"
    ),
    "langchain_core.callbacks": (
        "StreamingStdOutCallbackHandler BaseCallbackHandler AsyncCallbackHandler CallbackManager AsyncCallbackManager StdOutCallbackHandler CallbackManagerForLLMRun "
        "AsyncCallbackManagerForLLMRun CallbackManagerForToolRun AsyncCallbackManagerForToolRun CallbackManagerForChainRun AsyncCallbackManagerForChainRun "
        "CallbackManagerForRetrieverRun AsyncCallbackManagerForRetrieverRun BaseCallbackManager"
    ),
    "langchain_core.tools": "Tool tool StructuredTool BaseTool ToolException",
    "langchain_core.output_parsers": (
        "PydanticOutputParser StrOutputParser BaseOutputParser CommaSeparatedListOutputParser JsonOutputParser SimpleJsonOutputParser ListOutputParser XMLOutputParser"
    ),
    "langchain_core.exceptions": "OutputParserException",
    "langchain_core.documents": "Document",
    "langchain_core.messages": (
        "HumanMessage AIMessage SystemMessage BaseMessage ChatMessage FunctionMessage ToolMessage messages_from_dict messages_to_dict message_to_dict get_buffer_string AIMessageChunk"
    ),
    "langchain_core.retrievers": "BaseRetriever",
    "langchain_core.language_models": "BaseLanguageModel BaseChatModel BaseLLM LLM",
    "langchain_core.agents": "AgentAction AgentFinish",
    "langchain_core.runnables": "RunnablePassthrough RunnableLambda RunnableParallel RunnableMap RunnableSequence RunnableBranch RunnableConfig Runnable RunnableSerializable",
    "langchain_core.runnables.history": "RunnableWithMessageHistory",
    "langchain_core.globals": "set_llm_cache get_llm_cache set_debug set_verbose",
    "langchain_core.caches": "InMemoryCache BaseCache",
    "langchain_core.embeddings": "Embeddings",
    "langchain_core.vectorstores": "VectorStore VectorStoreRetriever",
    "langchain_text_splitters": (
        "RecursiveCharacterTextSplitter CharacterTextSplitter TokenTextSplitter MarkdownTextSplitter MarkdownHeaderTextSplitter PythonCodeTextSplitter NLTKTextSplitter "
        "SpacyTextSplitter Language TextSplitter HTMLHeaderTextSplitter SentenceTransformersTokenTextSplitter"
    ),
}
NEW_MODULE = {name: module for module, names in MOVES.items() for name in names.split()}
ELSEWHERE = {("langchain.memory", "ChatMessageHistory"): ("langchain_core.chat_history", "InMemoryChatMessageHistory as ChatMessageHistory")}

# modules that live on, under the same names, in langchain_classic
CLASSIC = ("chains", "memory", "retrievers", "agents", "output_parsers", "hub", "evaluation", "indexes", "storage", "smith", "model_laboratory")
CLASSIC_NAMES = frozenset("LLMChain ConversationChain RetrievalQA ConversationalRetrievalChain hub VectorDBQA".split())
# still there in langchain 1
KEPT = {"langchain.agents": "create_agent AgentState", "langchain.tools": "tool BaseTool ToolException ToolRuntime InjectedState InjectedStore", "langchain.chat_models": "init_chat_model BaseChatModel"}

# the distributions that bring a package with them
BROUGHT_BY = {
    "langchain_core": ("langchain-core", "langchain", "langchain-community", "langchain-openai", "langgraph", "langchain-classic", "langchain-anthropic"),
    "langchain_classic": ("langchain-classic", "langchain-community"),
    "langchain_text_splitters": ("langchain-text-splitters", "langchain-classic", "langchain-community"),
    "langchain_community": ("langchain-community",),
    "langchain_openai": ("langchain-openai",),
    "langchain_anthropic": ("langchain-anthropic",),
}
