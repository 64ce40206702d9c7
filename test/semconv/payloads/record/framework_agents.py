"""An agent with a tool, of the framework that FRAMEWORK names, under its own instrumentation."""

import asyncio
import os

from otlp_export import providers

spans, logs = providers()
framework = os.environ["FRAMEWORK"]
question = "What is the weather in Paris?"


def get_weather(city: str) -> dict:
    """The weather in a city"""
    return {"celsius": 18}


def strands():
    from strands import Agent, tool
    from strands.models.openai import OpenAIModel

    model = OpenAIModel(client_args={"max_retries": 0}, model_id="gpt-4o-mini")
    about = {"session.id": "session-7", "user.id": "user-3", "tag.tags": ["shop", "beta"]}
    tools = [tool(get_weather)]
    Agent(name="forecaster", model=model, tools=tools, system_prompt="Be brief.", trace_attributes=about)(question)


def agent_framework():
    from agent_framework.observability import enable_instrumentation
    from agent_framework.openai import OpenAIChatCompletionClient

    enable_instrumentation(enable_sensitive_data=True)
    client = OpenAIChatCompletionClient(model="gpt-4o-mini")
    agent = client.as_agent(name="forecaster", instructions="Be brief.", tools=[get_weather])
    asyncio.run(agent.run(question))


globals()[framework]()
logs.shutdown()
spans.shutdown()
