"""An agent of Google's Agent Development Kit, under its own instrumentation."""

import asyncio
import sys

from otlp_export import providers

spans, logs = providers()

from google.adk.agents import Agent  # noqa: E402
from google.adk.runners import InMemoryRunner  # noqa: E402
from google.genai import types  # noqa: E402


def get_weather(city: str) -> dict:
    """The weather in a city"""
    return {"celsius": 18}


CASES = {
    "agent": ("gemini-2.5-flash", "What is the weather in Paris?", [get_weather]),
    "cached-tokens": ("gemini-2.5-flash", "Summarise the manual.", []),
    "failed": ("missing-model", "Say hello.", []),
}


async def run(model, question, tools):
    agent = Agent(name="forecaster", model=model, instruction="Be brief.", tools=tools)
    runner = InMemoryRunner(agent=agent, app_name="assistant")
    await runner.session_service.create_session(app_name="assistant", user_id="user-3", session_id="session-7")
    message = types.Content(role="user", parts=[types.Part(text=question)])
    try:
        async for _ in runner.run_async(user_id="user-3", session_id="session-7", new_message=message):
            pass
    except Exception:
        pass


asyncio.run(run(*CASES[sys.argv[1]]))
logs.shutdown()
spans.shutdown()
