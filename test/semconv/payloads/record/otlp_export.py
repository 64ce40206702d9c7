"""One global provider for spans and one for log events, with exporters that send at the end."""

import os

from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor


def providers():
    """SPANS=one-by-one exports each span as it ends, as a process that is short of time does."""
    one_by_one = os.environ.get("SPANS") == "one-by-one"
    spans = TracerProvider()
    spans.add_span_processor((SimpleSpanProcessor if one_by_one else BatchSpanProcessor)(OTLPSpanExporter()))
    trace.set_tracer_provider(spans)
    logs = LoggerProvider()
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    set_logger_provider(logs)
    return spans, logs
