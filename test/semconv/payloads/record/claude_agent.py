"""Claude's Agent SDK, whose command-line program makes the calls: its own telemetry, OpenInference's or Logfire's."""

import asyncio
import os
import sys

kind = os.environ["INSTRUMENTATION"]
shutdown = []
if kind == "logfire":
    import logfire

    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = os.environ["SINK"] + "/v1/traces"
    logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False)
    logfire.instrument_claude_agent_sdk()
    shutdown.append(logfire.shutdown)
elif kind == "openinference":
    from otlp_export import providers

    spans, logs = providers()
    from openinference.instrumentation.claude_agent_sdk import ClaudeAgentSDKInstrumentor

    ClaudeAgentSDKInstrumentor().instrument(tracer_provider=spans)
    shutdown += [logs.shutdown, spans.shutdown]

from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, create_sdk_mcp_server, tool  # noqa: E402


@tool("get_weather", "The weather in a city", {"city": str})
async def get_weather(arguments):
    return {"content": [{"type": "text", "text": '{"celsius":18}'}]}


own = {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_LOGS_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_LOG_USER_PROMPTS": "1",
    "OTEL_LOG_TOOL_DETAILS": "1",
    "OTEL_LOG_TOOL_CONTENT": "1",
    "OTEL_TRACES_EXPORT_INTERVAL": "200",
    "OTEL_LOGS_EXPORT_INTERVAL": "200",
}
quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CONFIG_DIR": os.path.join(os.getcwd(), "home")}


async def run(question, tools=()):
    servers = {"weather": create_sdk_mcp_server("weather", tools=list(tools))} if tools else {}
    options = ClaudeAgentOptions(
        model="claude-sonnet-4-5",
        system_prompt="Be brief.",
        tools=[],
        mcp_servers=servers,
        allowed_tools=["mcp__weather__get_weather"] if tools else [],
        setting_sources=[],
        env={**quiet, **(own if kind == "own" else {})},
    )
    async with ClaudeSDKClient(options=options) as client:
        await client.query(question)
        async for message in client.receive_response():
            print(type(message).__name__)


CASES = {
    "chat": lambda: run("Summarise the manual."),
    "agent": lambda: run("What is the weather in Paris?", [get_weather]),
}
asyncio.run(CASES[sys.argv[1]]())
for stop in shutdown:
    stop()
