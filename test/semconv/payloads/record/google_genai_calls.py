"""Google's google-genai package under the instrumentation that INSTRUMENTATION names."""

import os
import sys

from otlp_export import providers

spans, logs = providers()
if os.environ["INSTRUMENTATION"] == "openinference":
    from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor as Instrumentor

    Instrumentor().instrument(tracer_provider=spans)
else:
    from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor as Instrumentor

    Instrumentor().instrument(tracer_provider=spans, logger_provider=logs)

from google import genai  # noqa: E402
from google.genai import types  # noqa: E402

client = genai.Client(api_key="fake", http_options={"base_url": os.environ["GOOGLE_GEMINI_BASE_URL"]})
weather = types.FunctionDeclaration(
    name="get_weather",
    description="The weather in a city",
    parameters_json_schema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def ask(question, model="gemini-2.5-flash", **config):
    more = types.GenerateContentConfig(system_instruction="Be brief.", **config)
    return client.models.generate_content(model=model, contents=question, config=more)


CASES = {
    "chat": lambda: ask("Say hello.", temperature=0.2),
    "cached-tokens": lambda: ask("Summarise the manual."),
    "reasoning": lambda: ask("What is 17 * 23?"),
    "tool-call": lambda: ask(
        "What is the weather in Paris?", tools=[types.Tool(function_declarations=[weather])]
    ),
    "failed": lambda: ask("Say hello.", model="missing-model"),
}
try:
    CASES[sys.argv[1]]()
except Exception as error:
    print(type(error).__name__, error)
logs.shutdown()
spans.shutdown()
