"""AWS Bedrock through boto3 under the instrumentation that INSTRUMENTATION names."""

import json
import os
import sys

from otlp_export import providers

spans, logs = providers()
kind = os.environ["INSTRUMENTATION"]
if kind == "openinference":
    from openinference.instrumentation.bedrock import BedrockInstrumentor

    BedrockInstrumentor().instrument(tracer_provider=spans)
elif kind == "openllmetry":
    from opentelemetry.instrumentation.bedrock import BedrockInstrumentor

    BedrockInstrumentor().instrument(tracer_provider=spans)
else:
    from opentelemetry.instrumentation.botocore import BotocoreInstrumentor

    BotocoreInstrumentor().instrument(tracer_provider=spans, logger_provider=logs)

import boto3  # noqa: E402

about = {"aws_access_key_id": "fake", "aws_secret_access_key": "fake", "region_name": "us-east-1"}
bedrock = boto3.client("bedrock-runtime", endpoint_url=os.environ["BEDROCK_URL"], **about)
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
weather = {
    "name": "get_weather",
    "description": "The weather in a city",
    "inputSchema": {"json": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
}


def converse(question, model=CLAUDE, **more):
    messages = [{"role": "user", "content": [{"text": question}]}]
    system = [{"text": "Be brief."}]
    return bedrock.converse(modelId=model, messages=messages, system=system, inferenceConfig={"maxTokens": 500}, **more)


def invoke(question):
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 500}
    body["messages"] = [{"role": "user", "content": question}]
    bedrock.invoke_model(modelId=CLAUDE, body=json.dumps(body))["body"].read()


CASES = {
    "converse": lambda: converse("Say hello."),
    "cached-tokens": lambda: converse("Summarise the manual."),
    "cache-write": lambda: converse("Remember the manual."),
    "tool-call": lambda: converse("What is the weather in Paris?", toolConfig={"tools": [{"toolSpec": weather}]}),
    "invoke": lambda: invoke("Summarise the manual."),
    "failed": lambda: converse("Say hello.", model="missing-model"),
}
try:
    CASES[sys.argv[1]]()
except Exception as error:
    print(type(error).__name__, error)
logs.shutdown()
spans.shutdown()
