"""The diagnostics of configurations, as `sloctl explain CODE` tells them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from collectors.config.problems import Code

CODES: Final = MappingProxyType(
    {
        Code.FILE.value: (
            "A file of the configuration cannot be read.\n\n"
            "It is not there, it is not UTF-8, or this user may not read it."
        ),
        Code.SYNTAX.value: (
            "A configuration is not one YAML document that is a map.\n\n"
            "Each file of `--config` holds one map with receivers, processors, connectors, "
            "exporters, extensions and service. Several files are merged, a later one before an "
            "earlier one."
        ),
        Code.SUBSTITUTION.value: (
            "A `${...}` cannot be replaced.\n\n"
            "`${env:NAME}` is the environment's value, `${env:NAME:-default}` has a default; a "
            "variable that is not set and has none is an error, since an empty address or "
            "password is never meant. `$$` is a dollar."
        ),
        Code.UNKNOWN_KEY.value: (
            "A key or a section is not known.\n\n"
            "A misspelt key would be a setting that does nothing. `collector components` lists "
            "what is installed, `collector print-config` every key with its default."
        ),
        Code.VALUE.value: (
            "A value is missing or wrong.\n\n"
            "The message says what is wrong, what was found and what is allowed."
        ),
        Code.UNKNOWN_COMPONENT.value: (
            "No component of that name is installed.\n\n"
            "The part of an id before the slash is the kind of component: `otlp/second` is an "
            "`otlp`. `collector components` lists all kinds."
        ),
        Code.UNDEFINED.value: (
            "A pipeline, or `service.extensions`, mentions what is not defined.\n\n"
            "Define it in its section under exactly this id, or take it out."
        ),
        Code.WRONG_SIGNAL.value: (
            "A component does not carry the signal of the pipeline.\n\n"
            "`collector components` tells which of traces, metrics and logs each one carries."
        ),
        Code.UNUSED.value: (
            "A pipeline leads nowhere, or a component is defined and not used.\n\n"
            "The first is an error, since what enters would be lost; the second is a warning: a "
            "component acts only where a pipeline names it."
        ),
        Code.PLUGIN.value: (
            "An installed component cannot be loaded.\n\n"
            "Its package is broken, or made for another version. The message has the reason."
        ),
        Code.PIPELINE.value: (
            "`service` or a pipeline is not as it should be.\n\n"
            "A pipeline has receivers and exporters, and is called `traces`, `metrics` or "
            "`logs`, with a name after a slash where there are several."
        ),
        Code.CYCLE.value: (
            "Connectors lead in a circle.\n\n"
            "A record would go round for ever. Take one of the connectors out."
        ),
        Code.ADMISSION.value: (
            "What acts before the inbox does not lead every pipeline of its receiver.\n\n"
            "`memory_limiter` and `redaction` at the head of a pipeline act before anything is "
            "written to disk. A receiver has one inbox, so they stand first in each of its "
            "pipelines, or in none."
        ),
        Code.STORAGE.value: (
            "There is more than one `file_storage`.\n\nThe data directory has one owner. Keep one."
        ),
        Code.CLASH.value: (
            "Two components listen on one port, or write one file.\n\n"
            "Both places are named. Give one of them another."
        ),
    }
)
