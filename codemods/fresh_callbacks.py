"""Give every run a callback handler of its own.

Why
    A handler that collects what it hears - tokens, a transcript, the time of the start - and is made once for all
    requests mixes their text: with two users eleven of eleven answers changed hands. A handler per run hears that run only.

Broken
    from fastapi import FastAPI
    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_openai import ChatOpenAI

    app = FastAPI()


    class Collector(BaseCallbackHandler):
        def __init__(self):
            self.tokens = []

        def on_llm_new_token(self, token, **kwargs):
            self.tokens.append(token)


    collector = Collector()
    llm = ChatOpenAI(streaming=True, callbacks=[collector])


    @app.post("/ask")
    async def ask(question: str):
        await llm.ainvoke(question)
        return {"tokens": collector.tokens}

Fixed
    from fastapi import FastAPI
    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_openai import ChatOpenAI

    app = FastAPI()


    class Collector(BaseCallbackHandler):
        def __init__(self):
            self.tokens = []

        def on_llm_new_token(self, token, **kwargs):
            self.tokens.append(token)


    llm = ChatOpenAI(streaming=True)


    @app.post("/ask")
    async def ask(question: str):
        collector = Collector()
        await llm.ainvoke(question, config={"callbacks": [collector]})
        return {"tokens": collector.tokens}

Refuses
    read-elsewhere: What the handler collects is read in a function that does not run the model.
    By hand: make the handler where the answer is put together and hand it to the function that runs the model.

        from fastapi import FastAPI
        from langchain_core.callbacks import BaseCallbackHandler
        from langchain_openai import ChatOpenAI

        app = FastAPI()


        class Collector(BaseCallbackHandler):
            def __init__(self):
                self.tokens = []

            def on_llm_new_token(self, token, **kwargs):
                self.tokens.append(token)


        collector = Collector()
        llm = ChatOpenAI(streaming=True, callbacks=[collector])


        @app.post("/ask")
        async def ask(question: str):
            return (await llm.ainvoke(question)).content


        @app.get("/tokens")
        async def tokens():
            return collector.tokens

    needed-at-import: The handler, or what was built with it, is handed to something else when the module is imported.
    By hand: hand over a function that makes the handler, or give the handler to the run.

        from fastapi import FastAPI
        from langchain_core.callbacks import BaseCallbackHandler

        app = FastAPI()


        class Collector(BaseCallbackHandler):
            def on_llm_new_token(self, token, **kwargs):
                self.last = token


        collector = Collector()
        register(collector)


        @app.get("/last")
        async def last():
            return collector.last

    handed-on: What holds the handler is handed to something else inside a function, its runs can't be seen.
    By hand: give the handler to the runs themselves, through `config={"callbacks": [...]}`.

        from fastapi import FastAPI
        from langchain_core.callbacks import BaseCallbackHandler
        from langchain_openai import ChatOpenAI

        app = FastAPI()


        class Collector(BaseCallbackHandler):
            def on_llm_new_token(self, token, **kwargs):
                self.last = token


        collector = Collector()
        llm = ChatOpenAI(streaming=True, callbacks=[collector])


        @app.post("/ask")
        async def ask(question: str):
            return await answer_with(llm, question)

    hears-more: The handler would hear more at the run than it does at the model or chain that holds it.
    By hand: build the model or chain with a new handler for each request.

        from fastapi import FastAPI
        from langchain_core.callbacks import BaseCallbackHandler
        from langchain_core.prompts import ChatPromptTemplate
        from langchain_openai import ChatOpenAI

        app = FastAPI()


        class Collector(BaseCallbackHandler):
            def on_chain_end(self, outputs, **kwargs):
                self.last = outputs


        collector = Collector()
        llm = ChatOpenAI(callbacks=[collector])
        chain = ChatPromptTemplate.from_template("{question}") | llm


        @app.post("/ask")
        async def ask(question: str):
            return await chain.ainvoke({"question": question})

    config-made-elsewhere: The run's configuration is not written at the run; it may hold callbacks already.
    By hand: add the handler to `callbacks` where the configuration is made.

        from fastapi import FastAPI
        from langchain_core.callbacks import BaseCallbackHandler
        from langchain_openai import ChatOpenAI

        app = FastAPI()


        class Collector(BaseCallbackHandler):
            def on_llm_new_token(self, token, **kwargs):
                self.last = token


        collector = Collector()
        llm = ChatOpenAI(streaming=True, callbacks=[collector])


        @app.post("/ask")
        async def ask(question: str, options: dict):
            return (await llm.ainvoke(question, config=options)).content

    kept-elsewhere: It is kept on an instance for more than the method that runs the model, in a container, under several names or right inside of a model or chain.
    By hand: make the handler in the function that runs the model, and give it to the run through `config={"callbacks": [...]}`.

        from fastapi import FastAPI
        from langchain_core.callbacks import BaseCallbackHandler
        from langchain_openai import ChatOpenAI

        app = FastAPI()


        class Collector(BaseCallbackHandler):
            def on_llm_new_token(self, token, **kwargs):
                self.last = token


        class Service:
            def __init__(self):
                self.collector = Collector()
                self.llm = ChatOpenAI(streaming=True, callbacks=[self.collector])

            async def answer(self, question: str):
                return (await self.llm.ainvoke(question)).content

            def last(self):
                return self.collector.last


        service = Service()


        @app.post("/ask")
        async def ask(question: str):
            return await service.answer(question), service.last()

Notes
    StreamingStdOutCallbackHandler holds no state: standard output is one for the whole process, a fresh instance still
    interleaves. Tracers (Langfuse, LangSmith, ...) are made to be shared and tell runs apart. Both are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from .kit.codemod import codemod
from .kit.finding import Finding
from .kit.handlers import serves
from .kit.sharing.held_listeners import held_listeners
from .kit.sharing.kept_listeners import kept_listeners
from .kit.sharing.listeners import freshened, shared_listeners
from .kit.source import Source


@codemod(mentions=("langchain", ("allback", "Handler", "handler")), stage="scope")
def fresh_callbacks(source: Source) -> Iterator[Finding]:
    listeners = list(shared_listeners(source))
    for listener in listeners:
        finding = freshened(listener)
        if finding is not None:
            yield finding
    if serves(source.project):
        answered = {listener.call for listener in listeners}
        for held, fix in held_listeners(source):
            answered.add(held)
            yield fix
        for call, message in kept_listeners(source, answered):
            yield source.refuse(call, "kept-elsewhere", message)
