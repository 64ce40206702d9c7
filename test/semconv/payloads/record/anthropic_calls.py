"""The calls of Python's anthropic package that are recorded, one a case."""

TOOLS = [
    {
        "name": "get_weather",
        "description": "The weather in a city",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
]


def ask(client, content, model="claude-sonnet-4-5", max_tokens=500, **more):
    return client.messages.create(
        model=model, max_tokens=max_tokens, messages=[{"role": "user", "content": content}], **more
    )


def stream(client):
    for _ in ask(client, "Summarise the manual.", stream=True):
        pass


def failed(client):
    try:
        ask(client, "Say hello.", model="missing-model")
    except Exception:
        pass


CALLS = {
    "anthropic-chat": lambda client: ask(client, "Say hello.", system="Be brief."),
    "anthropic-stream": stream,
    "anthropic-cached-tokens": lambda client: ask(client, "Summarise the manual."),
    "anthropic-cache-write": lambda client: ask(client, "Remember the manual."),
    "anthropic-thinking": lambda client: ask(
        client, "What is 17 * 23?", max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 1024}
    ),
    "anthropic-tool-call": lambda client: ask(client, "What is the weather in Paris?", tools=TOOLS),
    "anthropic-failed": failed,
}
