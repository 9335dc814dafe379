"""`redaction`: removes and masks what must never be stored, before the first write to disk."""

from collectors.processors.redaction.config import RedactionConfig
from collectors.processors.redaction.gate import FACTORY, RedactionGate
from collectors.processors.redaction.redactor import Redacted, Redactor

__all__ = ["FACTORY", "Redacted", "RedactionConfig", "RedactionGate", "Redactor"]
