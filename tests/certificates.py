"""Certificates for tests, of an authority of their own, in files that can be rotated."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import trustme


@dataclass
class Certificates:
    """Files of an authority, a server and a client below `folder`."""

    folder: Path
    authority: trustme.CA = field(default_factory=trustme.CA)

    def __post_init__(self) -> None:
        self.authority.cert_pem.write_to_path(str(self.ca))
        self.rotate("server")
        self.rotate("client")

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def cert(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def rotate(self, name: str) -> None:
        """Another certificate under the same name, put in place file by file."""
        issued = self.authority.issue_cert("localhost", "127.0.0.1")
        for pem, path in (
            (b"".join(part.bytes() for part in issued.cert_chain_pems), self.cert(name)),
            (issued.private_key_pem.bytes(), self.key(name)),
        ):
            fresh = path.with_suffix(".new")
            fresh.write_bytes(pem)
            fresh.replace(path)

    def pair(self, name: str) -> dict[str, object]:
        return {"cert_file": str(self.cert(name)), "key_file": str(self.key(name))}
