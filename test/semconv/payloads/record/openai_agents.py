"""Agents of OpenAI's Agents SDK, under the instrumentation that INSTRUMENTATION names."""

import asyncio
import os
import sys

from otlp_export import providers

kind = os.environ["INSTRUMENTATION"]
sink = os.environ["SINK"]

if kind == "logfire":
    import logfire

    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"{sink}/v1/traces"
    logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False)
    logfire.instrument_openai_agents()
    shutdown = logfire.shutdown
else:
    spans, logs = providers()
    if kind == "openinference":
        from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor as Instrumentor
    else:
        # OpenLLMetry's, and OpenTelemetry's own, have one name: what is installed says which.
        from opentelemetry.instrumentation.openai_agents import OpenAIAgentsInstrumentor as Instrumentor
    Instrumentor().instrument(tracer_provider=spans)

    def shutdown():
        logs.shutdown()
        spans.shutdown()


from agents import Agent, OpenAIChatCompletionsModel, RunConfig, Runner, function_tool  # noqa: E402
from openai import AsyncOpenAI  # noqa: E402


@function_tool
def get_weather(city: str) -> dict:
    """The weather in a city"""
    return {"celsius": 18}


def chat_model():
    return OpenAIChatCompletionsModel("gpt-4o-mini", AsyncOpenAI(max_retries=0))


turn = RunConfig(workflow_name="answer a customer", group_id="conversation-7", trace_metadata={"user_id": "user-3"})


def agent(model, tools=()):
    return Agent(name="forecaster", instructions="Be brief.", model=model, tools=list(tools))


async def ask(model, question, tools=(), **more):
    await Runner.run(agent(model, tools), question, **more)


async def stream():
    result = Runner.run_streamed(agent("gpt-4o-mini"), "Say hello.")
    async for _ in result.stream_events():
        pass


async def handoff():
    triage = Agent(name="triage", instructions="Be brief.", model="gpt-4o-mini", handoffs=[agent("gpt-4o-mini")])
    await Runner.run(triage, "What is the weather in Paris?", max_turns=3)


CASES = {
    "agent": lambda: ask("gpt-4o-mini", "What is the weather in Paris?", [get_weather], run_config=turn),
    "chat-completions": lambda: ask(chat_model(), "What is the weather in Paris?", [get_weather]),
    "cached-tokens": lambda: ask("gpt-4o-mini", "Summarise the manual."),
    "reasoning": lambda: ask("o4-mini", "What is 17 * 23?"),
    "stream": stream,
    "handoff": handoff,
    "failed": lambda: ask("missing-model", "Say hello."),
}


async def main():
    try:
        await CASES[sys.argv[1]]()
    except Exception as error:
        print(type(error).__name__, error)


asyncio.run(main())
shutdown()
