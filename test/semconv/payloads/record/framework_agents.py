"""An agent with a tool, of the framework that FRAMEWORK names, under its own instrumentation or OpenInference's."""

import asyncio
import os
import sys

from otlp_export import providers

spans, logs = providers()
framework = os.environ["FRAMEWORK"]
question = {"agent": "What is the weather in Paris?", "cached-tokens": "Summarise the manual."}[sys.argv[1]]
has_tool = sys.argv[1] == "agent"


def get_weather(city: str) -> dict:
    """The weather in a city"""
    return {"celsius": 18}


def llama_index():
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

    LlamaIndexInstrumentor().instrument(tracer_provider=spans)
    from llama_index.core.agent.workflow import FunctionAgent
    from llama_index.llms.openai import OpenAI

    async def run():
        llm = OpenAI(model="gpt-4o-mini", max_retries=0)
        tools = [get_weather] if has_tool else []
        agent = FunctionAgent(name="forecaster", tools=tools, llm=llm, system_prompt="Be brief.", streaming=False)
        await agent.run(question)

    asyncio.run(run())


def strands():
    from strands import Agent, tool
    from strands.models.openai import OpenAIModel

    model = OpenAIModel(client_args={"max_retries": 0}, model_id="gpt-4o-mini")
    about = {"session.id": "session-7", "user.id": "user-3", "tag.tags": ["shop", "beta"]}
    tools = [tool(get_weather)] if has_tool else []
    Agent(name="forecaster", model=model, tools=tools, system_prompt="Be brief.", trace_attributes=about)(question)


def agent_framework():
    from agent_framework.observability import enable_instrumentation
    from agent_framework.openai import OpenAIChatCompletionClient

    enable_instrumentation(enable_sensitive_data=True)
    client = OpenAIChatCompletionClient(model="gpt-4o-mini")
    tools = [get_weather] if has_tool else []
    agent = client.as_agent(name="forecaster", instructions="Be brief.", tools=tools)
    asyncio.run(agent.run(question))


def semantic_kernel():
    os.environ["SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE"] = "true"
    from semantic_kernel.agents import ChatCompletionAgent
    from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
    from semantic_kernel.functions import kernel_function

    class Weather:
        @kernel_function(name="get_weather", description="The weather in a city")
        def get_weather(self, city: str) -> dict:
            return {"celsius": 18}

    service = OpenAIChatCompletion(ai_model_id="gpt-4o-mini")
    plugins = [Weather()] if has_tool else []
    agent = ChatCompletionAgent(service=service, name="forecaster", instructions="Be brief.", plugins=plugins)
    asyncio.run(agent.get_response(messages=question))


def autogen():
    from autogen_agentchat.agents import AssistantAgent
    from autogen_ext.models.openai import OpenAIChatCompletionClient

    client = OpenAIChatCompletionClient(model="gpt-4o-mini")
    tools = [get_weather] if has_tool else []
    agent = AssistantAgent("forecaster", client, tools=tools, system_message="Be brief.", reflect_on_tool_use=True)
    asyncio.run(agent.run(task=question))


def dspy():
    from openinference.instrumentation.dspy import DSPyInstrumentor

    DSPyInstrumentor().instrument(tracer_provider=spans)
    import dspy as library

    library.configure(lm=library.LM("openai/gpt-4o-mini", cache=False, num_retries=0))
    library.configure(adapter=library.ChatAdapter())
    library.LM("openai/gpt-4o-mini", cache=False, num_retries=0)(messages=[{"role": "user", "content": question}])


def haystack():
    from openinference.instrumentation.haystack import HaystackInstrumentor

    HaystackInstrumentor().instrument(tracer_provider=spans)
    from haystack import Pipeline
    from haystack.components.generators.chat import OpenAIChatGenerator
    from haystack.dataclasses import ChatMessage

    pipeline = Pipeline()
    pipeline.add_component("llm", OpenAIChatGenerator(model="gpt-4o-mini", max_retries=0))
    pipeline.run({"llm": {"messages": [ChatMessage.from_system("Be brief."), ChatMessage.from_user(question)]}})


def mistral():
    from openinference.instrumentation.mistralai import MistralAIInstrumentor

    MistralAIInstrumentor().instrument(tracer_provider=spans)
    try:
        from mistralai import Mistral
    except ImportError:
        from mistralai.client import Mistral

    client = Mistral(api_key="fake", server_url=os.environ["OPENAI_BASE_URL"].removesuffix("/v1"))
    client.chat.complete(model="mistral-large-latest", messages=[{"role": "user", "content": question}])


globals()[framework]()
logs.shutdown()
spans.shutdown()
