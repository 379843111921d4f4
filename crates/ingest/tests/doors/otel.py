"""Logs through the OpenTelemetry SDK, as a service does that has it switched on."""

import logging
import sys

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

url, ca, certificate, key = sys.argv[1:]
exporter = OTLPLogExporter(
    endpoint=f"{url}/v1/logs",
    certificate_file=ca or None,
    client_certificate_file=certificate or None,
    client_key_file=key or None,
    headers={"authorization": "Bearer s3cret"},
    compression=Compression.Gzip,
    timeout=30,
)
provider = LoggerProvider(resource=Resource({"service.name": "nova-api", "host.name": "ctl1"}))
provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
logger = logging.getLogger("nova.api.openstack")
logger.setLevel(logging.INFO)
logger.addHandler(LoggingHandler(logger_provider=provider))
for number in range(100):
    logger.info("line %s", number, extra={"request_id": "req-0828ff79-a028-4a47-bb35-7a5a177b7002"})
try:
    raise ValueError("no host")
except ValueError:
    logger.exception("Failed to schedule")
assert provider.force_flush(30_000)
provider.shutdown()
