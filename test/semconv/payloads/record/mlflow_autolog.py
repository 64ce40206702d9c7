"""MLflow's tracing of the openai package, exported as OTLP; GENAI=1 asks for the GenAI convention."""

import os
import sys

os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = os.environ["SINK"] + "/v1/traces"
os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
if os.environ.get("GENAI"):
    os.environ["MLFLOW_ENABLE_OTEL_GENAI_SEMCONV"] = "true"

import mlflow
from openai import OpenAI
from openai_calls import CALLS

mlflow.openai.autolog()
CALLS[sys.argv[1]](OpenAI(max_retries=0))
mlflow.flush_trace_async_logging()
