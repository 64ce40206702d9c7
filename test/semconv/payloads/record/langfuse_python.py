"""Langfuse's Python SDK: its drop-in for openai, and generations of one's own."""

import os
import sys

os.environ.update(LANGFUSE_PUBLIC_KEY="pk-lf-fake", LANGFUSE_SECRET_KEY="sk-lf-fake")
os.environ.update(LANGFUSE_HOST=os.environ["SINK"], LANGFUSE_BASE_URL=os.environ["SINK"])
os.environ.update(LANGFUSE_TRACING_ENVIRONMENT="staging", LANGFUSE_RELEASE="r12")

from langfuse import get_client
from langfuse.openai import OpenAI
from openai_calls import CALLS

name = sys.argv[1]
langfuse = get_client()
is_five = os.environ["LANGFUSE"] == "5"


def session():
    if is_five:
        from langfuse import propagate_attributes

        with langfuse.start_as_current_observation(name="answer a customer"):
            about = {"session_id": "session-7", "user_id": "user-3", "tags": ["shop", "beta"]}
            with propagate_attributes(**about, metadata={"attempt": 2, "mode": "fast"}):
                CALLS["chat"](OpenAI(max_retries=0))
        return
    with langfuse.start_as_current_span(name="answer a customer") as span:
        span.update_trace(session_id="session-7", user_id="user-3", tags=["shop", "beta"])
        CALLS["chat"](OpenAI(max_retries=0))


def by_hand():
    """In Anthropic's way of counting: what was read from the cache is beside the input."""
    about = {"name": "summarise", "model": "claude-sonnet-4-5", "input": "Summarise the manual."}
    if is_five:
        generation = langfuse.start_observation(as_type="generation", **about)
    else:
        generation = langfuse.start_generation(**about)
    usage = {"input": 512, "output": 28, "cache_read_input_tokens": 1024}
    generation.update(output="It is about pumps.", usage_details=usage)
    generation.end()


CASES = {"session": session, "by-hand": by_hand}
if name in CASES:
    CASES[name]()
else:
    CALLS[name](OpenAI(max_retries=0))
langfuse.flush()
langfuse.shutdown()
