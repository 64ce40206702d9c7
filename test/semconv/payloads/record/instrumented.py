"""Python's openai and anthropic packages under the instrumentation that INSTRUMENTATION names."""

import os
import sys

from otlp_export import providers

spans, logs = providers()
name = sys.argv[1]
kind = os.environ["INSTRUMENTATION"]
is_anthropic = name.startswith("anthropic-")

if kind == "openinference" and is_anthropic:
    from openinference.instrumentation.anthropic import AnthropicInstrumentor as Instrumentor
elif kind == "openinference":
    from openinference.instrumentation.openai import OpenAIInstrumentor as Instrumentor
elif kind == "openllmetry" and is_anthropic:
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor as Instrumentor
elif kind == "openllmetry":
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor as Instrumentor
elif kind == "opentelemetry-genai":
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor as Instrumentor
elif kind == "opentelemetry":
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor as Instrumentor
else:
    Instrumentor = None

if Instrumentor is not None:
    events = {"use_legacy_attributes": False} if os.environ.get("EVENTS") else {}
    Instrumentor(**events).instrument(tracer_provider=spans, logger_provider=logs)

if is_anthropic:
    from anthropic import Anthropic
    from anthropic_calls import CALLS

    CALLS[name](Anthropic(max_retries=0))
else:
    from openai import OpenAI
    from openai_calls import CALLS

    client = OpenAI(max_retries=0)
    if name == "session":
        from openinference.instrumentation import using_attributes

        with using_attributes(
            session_id="session-7",
            user_id="user-3",
            metadata={"release": "r12"},
            tags=["shop", "beta"],
            prompt_template="Say {what}.",
            prompt_template_version="v7",
            prompt_template_variables={"what": "hello"},
        ):
            CALLS["chat"](client)
    else:
        CALLS[name](client)

logs.shutdown()
spans.shutdown()
