"""What is secret in a configuration is in no message and in nothing that is printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from collectors.cli.config import print_config, validate

CONFIG = """
receivers: {{otlp: {{protocols: {{grpc: }}}}}}
exporters: {{otlp_http: {exporter}}}
extensions: {{bearertokenauth: {bearer}, basicauth: {basic}}}
service:
  extensions: [bearertokenauth, basicauth]
  pipelines: {{traces: {{receivers: [otlp], exporters: [otlp_http]}}}}
"""
EXPORTER = '{endpoint: "http://u:hush@localhost:1", headers: {api-key: hush}}'
BEARER = "{token: hush}"
BASIC = "{client_auth: {username: u, password: hush}}"


def test_passwords_tokens_and_headers_are_not_printed(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG.format(exporter=EXPORTER, bearer=BEARER, basic=BASIC))

    printed = CliRunner().invoke(print_config, ["--config", str(path)])

    assert printed.exit_code == 0, printed.output
    assert "http://u:**********@localhost:1" in printed.output
    assert "hush" not in printed.output


@pytest.mark.parametrize(
    "parts",
    [
        {"exporter": "{endpoint: http://localhost, headers: {api-key: 4711}}"},
        {"bearer": "{token: 4711}"},
        {"bearer": "{tokens: [4711]}"},
        {"basic": "{client_auth: {username: u, password: [4711]}}"},
        {"basic": '{client_auth: "u:4711"}'},
    ],
)
def test_a_secret_of_the_wrong_kind_is_not_quoted(tmp_path: Path, parts: dict[str, str]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        CONFIG.format(**{"exporter": EXPORTER, "bearer": BEARER, "basic": BASIC, **parts})
    )

    output = CliRunner().invoke(validate, ["--config", str(path)]).output

    (told,) = [line for line in output.splitlines() if line.startswith("error")]
    assert "and what stands there is not" in told
    assert "4711" not in told
