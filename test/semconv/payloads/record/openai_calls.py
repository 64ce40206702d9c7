"""The calls of Python's openai package that are recorded, one a case. The fake provider's answers follow from them."""

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


def ask(client, content, model="gpt-4o-mini", **more):
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": content}], **more)


def chat(client):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]
    return client.chat.completions.create(model="gpt-4o-mini", messages=messages, temperature=0.2, max_tokens=50)


def stream(client):
    for _ in ask(client, "Say hello.", stream=True, stream_options={"include_usage": True}):
        pass


def tool_call(client):
    messages = [{"role": "user", "content": "What is the weather in Paris?"}]
    first = client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=TOOLS)
    message = first.choices[0].message
    call = message.tool_calls[0]
    asked = {"role": "assistant", "tool_calls": [call.model_dump()]}
    result = {"role": "tool", "tool_call_id": call.id, "content": '{"celsius":18}'}
    client.chat.completions.create(model="gpt-4o-mini", messages=[*messages, asked, result], tools=TOOLS)


def failed(client):
    try:
        ask(client, "Say hello.", model="missing-model")
    except Exception:
        pass


CALLS = {
    "chat": chat,
    "stream": stream,
    "tool-call": tool_call,
    "failed": failed,
    "cached-tokens": lambda client: ask(client, "Summarise the manual."),
    "reasoning": lambda client: ask(client, "What is 17 * 23?", model="o4-mini"),
    "embeddings": lambda client: client.embeddings.create(model="text-embedding-3-small", input="A pump."),
    "responses": lambda client: client.responses.create(
        model="o4-mini", instructions="Be brief.", input="What is 17 * 23?"
    ),
}
