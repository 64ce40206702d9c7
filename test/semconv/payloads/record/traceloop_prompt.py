"""Traceloop's Python SDK: a workflow with a prompt of its registry."""

import os

os.environ["TRACELOOP_TELEMETRY"] = "false"

from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import workflow

Traceloop.init(app_name="assistant", api_endpoint=os.environ["SINK"], api_key="fake", traceloop_sync_enabled=False)

from openai import OpenAI
from openai_calls import CALLS
from traceloop.sdk.tracing.tracing import set_managed_prompt_tracing_context


@workflow(name="answer")
def answer():
    Traceloop.set_association_properties({"session_id": "session-7", "user_id": "user-3"})
    set_managed_prompt_tracing_context("greeting", 3, "third", "9f2c", {"what": "hello"})
    CALLS["chat"](OpenAI(max_retries=0))


answer()

from opentelemetry import trace

trace.get_tracer_provider().force_flush()
trace.get_tracer_provider().shutdown()
