"""LangGraph under LangSmith's own export of OTLP, OpenInference or OpenLLMetry: INSTRUMENTATION names which."""

import os
import sys

kind = os.environ["INSTRUMENTATION"]
if kind == "langsmith":
    os.environ.update(LANGSMITH_TRACING="true", LANGSMITH_OTEL_ENABLED="true", LANGSMITH_OTEL_ONLY="true")
    os.environ.update(LANGSMITH_API_KEY="fake", LANGSMITH_ENDPOINT=os.environ["SINK"])

from otlp_export import providers  # noqa: E402

spans, logs = providers()
if kind == "openinference":
    from openinference.instrumentation.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=spans)
elif kind == "openllmetry":
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor

    LangchainInstrumentor().instrument(tracer_provider=spans)

from langchain.agents import create_agent  # noqa: E402
from langchain_openai import ChatOpenAI  # noqa: E402


def get_weather(city: str) -> dict:
    """The weather in a city"""
    return {"celsius": 18}


def run(question, tools=(), model="gpt-4o-mini"):
    agent = create_agent(
        ChatOpenAI(model=model, max_retries=0), list(tools), system_prompt="Be brief.", name="forecaster"
    )
    about = {"metadata": {"session_id": "thread-7", "user_id": "user-3"}, "tags": ["shop"]}
    agent.invoke({"messages": [{"role": "user", "content": question}]}, config=about)


CASES = {
    "agent": lambda: run("What is the weather in Paris?", [get_weather]),
    "cached-tokens": lambda: run("Summarise the manual."),
    "failed": lambda: run("Say hello.", model="missing-model"),
}

try:
    CASES[sys.argv[1]]()
except Exception as error:
    print(type(error).__name__)
if kind == "langsmith":
    from langchain_core.tracers.langchain import wait_for_all_tracers

    wait_for_all_tracers()
    import time

    time.sleep(2)
logs.shutdown()
spans.shutdown()
