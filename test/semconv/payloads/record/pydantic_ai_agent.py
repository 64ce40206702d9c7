"""An agent of pydantic-ai, under its own instrumentation (INSTRUMENTATION=pydantic-ai) or Logfire's."""

import os
import sys

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel

name = sys.argv[1]
sink = os.environ["SINK"]

if os.environ["INSTRUMENTATION"] == "logfire":
    import logfire

    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"{sink}/v1/traces"
    logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False)
    shutdown = logfire.shutdown
else:
    from otlp_export import providers

    spans, logs = providers()
    Agent.instrument_all()

    def shutdown():
        logs.shutdown()
        spans.shutdown()


def weather_agent():
    agent = Agent(OpenAIChatModel("gpt-4o-mini"), name="forecaster", instructions="Be brief.")

    @agent.tool_plain
    def get_weather(city: str) -> dict:
        """The weather in a city"""
        return {"celsius": 18}

    agent.run_sync("What is the weather in Paris?")


def cached_tokens():
    Agent(AnthropicModel("claude-sonnet-4-5"), name="reader").run_sync("Summarise the manual.")


def failed():
    try:
        Agent(OpenAIChatModel("missing-model"), name="greeter").run_sync("Say hello.")
    except Exception:
        pass


def logfire_openai(call):
    from openai import OpenAI
    from openai_calls import CALLS

    client = OpenAI(max_retries=0)
    logfire.instrument_openai(client)
    if call == "session":
        with logfire.span("answer a customer", session_id="session-7", user_id="user-3", **{"session.id": "session-7"}):
            CALLS["chat"](client)
    else:
        CALLS[call](client)


CASES = {"agent": weather_agent, "cached-tokens": cached_tokens, "failed": failed}
if name.startswith("openai-"):
    logfire_openai(name.removeprefix("openai-"))
else:
    CASES[name]()
shutdown()
