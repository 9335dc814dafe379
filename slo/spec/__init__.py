"""Located nodes become a project: every reference resolved, every number exact."""

from slo.spec.project import read
from slo.spec.recognise import SourceFile

__all__ = ["SourceFile", "read"]
