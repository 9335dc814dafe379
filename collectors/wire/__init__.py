"""What can be told about a serialized OTLP request without turning it into objects of ours."""

from collectors.wire.inspect import Inspected, Malformed, inspect
from collectors.wire.parse import Request, parse, request_type
from collectors.wire.split import split

__all__ = ["Inspected", "Malformed", "Request", "inspect", "parse", "request_type", "split"]
