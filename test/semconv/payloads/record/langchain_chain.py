"""LangChain under OpenInference, alone, or with OpenInference's openai beside it (BOTH=1)."""

import os
import sys

from otlp_export import providers

spans, logs = providers()

from openinference.instrumentation.langchain import LangChainInstrumentor

LangChainInstrumentor().instrument(tracer_provider=spans)
if os.environ.get("BOTH"):
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=spans)

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI

name = sys.argv[1]
model = ChatOpenAI(model="gpt-4o-mini", max_retries=0, temperature=0)
if name == "chain":
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "Say {what}.")])
    about = {"metadata": {"session_id": "session-7", "user_id": "user-3"}, "tags": ["shop"]}
    (prompt | model | StrOutputParser()).invoke({"what": "hello"}, config=about)
else:
    model.invoke("Summarise the manual.")

logs.shutdown()
spans.shutdown()
