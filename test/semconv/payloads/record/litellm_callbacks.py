"""litellm with its OpenTelemetry callback."""

import os
import sys

os.environ["OTEL_EXPORTER"] = "otlp_http"
os.environ["OTEL_ENDPOINT"] = os.environ["SINK"] + "/v1/traces"
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm

name = sys.argv[1]
litellm.callbacks = ["otel"]
ask = {"messages": [{"role": "user", "content": "Say hello."}], "metadata": {"session_id": "session-7"}, "user": "user-3"}

if name == "chat":
    litellm.completion(model="openai/gpt-4o-mini", api_base=os.environ["OPENAI_BASE_URL"], **ask)
elif name == "anthropic-cached-tokens":
    ask["messages"][0]["content"] = "Summarise the manual."
    litellm.completion(model="anthropic/claude-sonnet-4-5", api_base=os.environ["ANTHROPIC_BASE_URL"], **ask)
elif name == "failed":
    try:
        litellm.completion(model="openai/missing-model", api_base=os.environ["OPENAI_BASE_URL"], num_retries=0, **ask)
    except Exception:
        pass

import time

from opentelemetry import trace

time.sleep(2)
for provider in [trace.get_tracer_provider()]:
    if hasattr(provider, "force_flush"):
        provider.force_flush()
