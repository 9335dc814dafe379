"""What is said of a template is what amtool finds when it renders it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from alerts.routing import gotext
from alerts.routing.sample import sample_data
from slo.servers import find
from tests.releases import Release

pytestmark = pytest.mark.servers

TEXTS = (
    "plain, with } and { and }} in it",
    '{{ template "mine" . }}',
    '{{ template "slack.default.title" . }}',
    '{{ template "other" . }}',
    "{{ .CommonLabels.anything }} {{- .Status | toUpper -}} {{ len .Alerts.Firing }}",
    "{{ .Nope }}",
    "{{ .Alerts.Nope }}",
    "{{ .CommonLables.a }}",
    "{{ range .Alerts }}{{ .Labels.a }}{{ end }}",
    "{{ range .Alerts }}{{ .Labels.a }}",
    "{{ if eq .Status `firing` }}a{{ else if .ExternalURL }}b{{ else }}c{{ end }}",
    "{{ if }}a{{ end }}",
    "{{ end }}",
    "{{ else }}",
    "{{ shout .Status }}",
    "{{ .Status | shout }}",
    "{{ | toUpper }}",
    "{{ }}",
    "{{/* a comment with }} inside */}}",
    "{{ .Status",
    '{{ "}}" }}',
    '{{ "a" | printf "%s-%s" "b" }}',
    "{{ with .CommonLabels }}{{ .anything }}{{ end }}",
    "{{ (index .Alerts 0).Labels.a }}",
    "{{ $x := .Status }}{{ $x }}",
    "{{ template mine . }}",
    "{{ (len .Alerts }}",
    "{{ .Status @ }}",
    '{{ trimSpace "a " }}',
    '{{ date "2006" (index .Alerts 0).StartsAt }}',
    "{{ toJson .Status }}",
    '{{ reReplaceAll "a" "b" .Receiver }}',
    '{{ join "," (stringSlice "a" "b") }}',
)


def test_what_is_said_of_a_template_is_what_amtool_finds(release: Release, tmp_path: Path) -> None:
    amtool = find("amtool")
    assert amtool is not None
    (tmp_path / "mine.tmpl").write_text(
        '{{ define "mine" }}x{{ end }}{{ define "slack.default.title" }}y{{ end }}', "utf-8"
    )
    data = tmp_path / "data.json"
    data.write_text(sample_data("firing"), "utf-8")
    options = (
        "template",
        "render",
        f"--template.glob={tmp_path}/*.tmpl",
        f"--template.data={data}",
    )
    differ: list[str] = []
    for text in TEXTS:
        answer = subprocess.run(
            [str(amtool), *options, f"--template.text={text}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        said = list(gotext.problems(text, {"mine"}, release.version))
        if bool(said) is not (answer.returncode != 0):
            differ.append(f"{text!r}: said {said}, amtool {answer.stderr.strip()[:100]}")

    assert differ == []
