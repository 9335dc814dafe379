"""Policies that cannot work are told when the configuration is read, each at its place."""

from __future__ import annotations

import pytest
import yaml

from collectors.config.load import Text, load
from collectors.config.model import Loaded
from collectors.config.printing import printed
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from slo.diagnostic import Diagnostic, Level
from tests.sampling_plans import policy

HEAD = """\
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters: {debug: }
"""
ERRORS = policy("status_code", status_codes=["ERROR"])


def read(processors: dict[str, object]) -> tuple[Loaded | None, list[Diagnostic]]:
    pipeline = {"receivers": ["otlp"], "processors": list(processors), "exporters": ["debug"]}
    rest = {"processors": processors, "service": {"pipelines": {"traces": pipeline}}}
    text = HEAD + yaml.safe_dump(rest, sort_keys=False, width=10_000)
    return load([Text("c.yaml", text)], Surroundings({}, lambda path: path), Registry.installed())


def told(*policies: dict[str, object]) -> list[str]:
    loaded, problems = read({"tail_sampling": {"policies": list(policies)}})
    assert (loaded is None) == bool(problems)
    assert all(of.place is not None and of.level is Level.ERROR for of in problems)
    return [of.text.removeprefix("policies.") for of in problems]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            policy("latency", threshold_ms=5, upper_threshold_ms=5),
            "latency can never match: no time is above threshold_ms 5",
        ),
        (
            policy("numeric_attribute", key="k", min_value=5, max_value=4),
            "numeric_attribute can never match: no number is at least min_value 5",
        ),
        (policy("numeric_attribute", key="k"), "numeric_attribute needs min_value or max_value"),
        (policy("numeric_attribute", key="", min_value=1), "numeric_attribute.key must not be"),
        (
            policy("probabilistic", hash_salt="x"),
            "probabilistic can never match: sampling_percentage is 0",
        ),
        (policy("status_code", status_codes=[]), "status_code.status_codes must hold at least 1"),
        (
            policy("status_code", status_codes=["error"]),
            "status_code.status_codes.0 must be one of 'OK', 'ERROR' or 'UNSET'",
        ),
        (
            policy("string_attribute", key="k", values=[""]),
            "string_attribute can never match: values must hold at least one text",
        ),
        (
            policy("string_attribute", key="k", values=["("], enabled_regex_matching=True),
            "string_attribute must be a regular expression of RE2",
        ),
        (policy("boolean_attribute"), "a policy of type boolean_attribute needs boolean_attribute"),
        (
            {**policy("boolean_attribute", key="k"), "string_attribute": {"key": "k"}},
            "string_attribute can never match",
        ),
        (
            {**policy("always_sample"), "latency": {"threshold_ms": 1}},
            "a policy of type always_sample does not read latency",
        ),
        (
            policy("trace_state", key="k", values=["v" * 256]),
            "trace_state can never match: values must hold a text that fits",
        ),
        (
            policy("trace_state", key="K", values=["v"]),
            "trace_state can never match: no trace state has a member K",
        ),
        (policy("rate_limiting", burst_capacity=5), "rate_limiting can never match"),
        (policy("bytes_limiting", burst_capacity=5), "bytes_limiting can never match"),
        (
            policy("span_count", min_spans=5, max_spans=4),
            "span_count can never match: no count is at least min_spans 5",
        ),
        (
            policy("ottl_condition", error_mode="ignore"),
            "ottl_condition can never match: needs a condition",
        ),
        (
            policy("ottl_condition", span=['nam == "x"']),
            "ottl_condition.span.0 path nam at column 1 is not supported, did you mean name",
        ),
        (
            policy("ottl_condition", spanevent=["IsRootSpan()"]),
            "ottl_condition.spanevent.0 IsRootSpan at column 1 is for spans",
        ),
        (policy("and", and_sub_policy=[]), "and.and_sub_policy must hold at least 1"),
        (
            policy("and", and_sub_policy=[policy("drop", drop_sub_policy=[ERRORS])]),
            "and drop is of type drop, which and does not take",
        ),
        (
            policy("and", and_sub_policy=[ERRORS, ERRORS]),
            "and status_code stands twice",
        ),
        (
            policy("not", not_sub_policy=policy("always_sample", "all")),
            "not can never match: all wants every trace",
        ),
        (
            policy("composite", composite_sub_policy=[policy("always_sample")]),
            "composite can never match: max_total_spans_per_second is 0",
        ),
        (
            policy(
                "composite",
                max_total_spans_per_second=9,
                policy_order=["typo"],
                composite_sub_policy=[policy("always_sample", "all")],
            ),
            "composite policy_order names typo, and composite_sub_policy has all",
        ),
        (
            policy(
                "composite",
                max_total_spans_per_second=10,
                composite_sub_policy=[policy("always_sample", "a"), policy("trace_flags", "b")],
                rate_allocation=[
                    {"policy": "a", "percent": 70},
                    {"policy": "b", "percent": 40},
                ],
            ),
            "composite rate_allocation gives out 11 spans per second, and max_total",
        ),
        (
            policy(
                "composite",
                max_total_spans_per_second=10,
                composite_sub_policy=[policy("always_sample", "a"), policy("trace_flags", "b")],
                rate_allocation=[{"policy": "a", "percent": 100}],
            ),
            "composite can never match: rate_allocation leaves b no span per second",
        ),
    ],
)
def test_a_policy_that_can_never_match_is_refused(given: dict[str, object], text: str) -> None:
    (found, *_) = told(policy("always_sample", "all"), given)

    assert found.startswith((f"1.{text}", f"1 {text}"))


@pytest.mark.parametrize(
    "parts",
    [
        [policy("latency", "a", threshold_ms=100), policy("latency", "b", upper_threshold_ms=100)],
        [policy("span_count", "a", min_spans=9), policy("span_count", "b", max_spans=3)],
        [
            policy("latency", "a", threshold_ms=100),
            policy("not", "b", not_sub_policy=policy("latency", threshold_ms=50)),
        ],
        [ERRORS, policy("not", not_sub_policy=ERRORS)],
        [
            policy("status_code", "a", status_codes=["ERROR"]),
            policy("not", not_sub_policy=policy("status_code", status_codes=["ERROR", "OK"])),
        ],
        [
            policy("string_attribute", "a", key="k", values=["v"]),
            policy("string_attribute", "b", key="k", values=["v", "w"], invert_match=True),
        ],
        [
            policy("numeric_attribute", "a", key="k", min_value=500, max_value=599),
            policy("numeric_attribute", "b", key="k", min_value=400, invert_match=True),
        ],
        [
            policy("boolean_attribute", "a", key="k", value=True, invert_match=True),
            policy("boolean_attribute", "b", key="k", value=True),
        ],
    ],
)
@pytest.mark.parametrize("kind", ["and", "drop"])
def test_parts_that_rule_each_other_out_are_refused(
    parts: list[dict[str, object]], kind: str
) -> None:
    found = told(policy("always_sample"), policy(kind, **{f"{kind}_sub_policy": parts}))

    assert len(found) == 1
    assert found[0].startswith(f"1.{kind} can never match: what ")


@pytest.mark.parametrize(
    "parts",
    [
        [policy("latency", "a", threshold_ms=99), policy("latency", "b", upper_threshold_ms=100)],
        [
            policy("string_attribute", "a", key="k", values=["v", "w"]),
            policy("string_attribute", "b", key="k", values=["v"], invert_match=True),
        ],
        [
            policy("numeric_attribute", "a", key="k", min_value=5),
            policy("numeric_attribute", "b", key="k", max_value=4),
        ],
        [policy("probabilistic", "a", sampling_percentage=1), ERRORS],
    ],
)
def test_parts_that_some_trace_can_be_are_taken(parts: list[dict[str, object]]) -> None:
    assert told(policy("and", and_sub_policy=parts)) == []


def test_a_policy_whose_traces_are_all_dropped_is_refused() -> None:
    drop = policy(
        "drop", drop_sub_policy=[policy("status_code", "x", status_codes=["ERROR", "OK"])]
    )
    slow_errors = policy(
        "and", "slow errors", and_sub_policy=[ERRORS, policy("latency", threshold_ms=9)]
    )

    found = told(drop, ERRORS, slow_errors, policy("latency", threshold_ms=9))

    assert found == [
        "1.name can never keep a trace: drop drops every trace that status_code wants",
        "2.name can never keep a trace: drop drops every trace that slow errors wants",
    ]


def test_a_drop_of_everything_leaves_nothing_to_keep() -> None:
    found = told(ERRORS, policy("drop", drop_sub_policy=[policy("always_sample")]))

    assert found == ["0.name can never keep a trace: drop drops every trace that status_code wants"]


def test_a_drop_by_chance_or_of_less_is_taken() -> None:
    share = policy("probabilistic", sampling_percentage=50)

    assert told(ERRORS, policy("drop", drop_sub_policy=[ERRORS, share])) == []
    assert told(ERRORS, policy("drop", drop_sub_policy=[ERRORS, policy("trace_flags")])) == []


def test_policies_that_only_drop_keep_nothing() -> None:
    assert told(policy("drop", drop_sub_policy=[ERRORS])) == [
        "0.type no policy keeps a trace: all of them drop"
    ]


def test_no_policies_at_all_are_refused() -> None:
    assert told() == ["policies must hold at least 1, got []"]


def test_names_that_stand_twice_are_told_at_the_second() -> None:
    assert told(ERRORS, policy("trace_flags"), ERRORS) == [
        "2.name status_code is the name of a policy before it"
    ]


def test_more_questions_than_bits_are_told_at_the_first_too_many() -> None:
    questions = [
        policy("string_attribute", f"p{of}", key=f"k{of}", values=["v"]) for of in range(66)
    ]
    doubled = [policy("string_attribute", "again", key="k0", values=["v"], invert_match=True)]

    assert told(*questions[:64], *doubled) == []
    assert told(*questions) == [
        "64.name the policies may ask 64 different questions about spans, not more"
    ]


def test_an_attribute_that_was_taken_out_before_is_told() -> None:
    asks = {
        "policies": [
            policy("string_attribute", key="http.url", values=["/"]),
            policy("ema_dynamic", field_list=["root.host.name", "span.name"]),
            policy("numeric_attribute", key="put.back", min_value=1),
        ]
    }
    scrub = {
        "actions": [
            {"key": "http.url", "action": "delete"},
            {"key": "put.back", "action": "delete"},
            {"key": "put.back", "action": "insert", "value": 7},
        ]
    }
    some = {**scrub, "include": {"match_type": "strict", "services": ["a"]}}
    resource = {"attributes": [{"key": "host.name", "action": "delete"}]}

    _, problems = read({"attributes": scrub, "resource": resource, "tail_sampling": asks})
    assert [of.text for of in problems] == [
        "tail_sampling asks for host.name, which resource before it takes out",
        "tail_sampling asks for http.url, which attributes before it takes out",
    ]
    assert {of.level for of in problems} == {Level.WARNING}
    assert read({"attributes": some, "tail_sampling": asks})[1] == []
    assert read({"tail_sampling": asks, "attributes": scrub, "resource": resource})[1] == []


def test_a_misspelled_type_is_told_what_was_meant() -> None:
    _, (problem,) = read({"tail_sampling": {"policies": [policy("string_atribute")]}})

    assert problem.text.startswith("policies.0.type must be one of 'always_sample'")
    assert problem.help == "did you mean string_attribute?"


def test_an_slo_that_sampler_and_counter_mean_differently_is_told() -> None:
    counts = {"slos": {"shop": {"spans": {"service": "shop", "bad": {"above": "1s"}}}}}
    spans = {"service": "shop", "bad": {"above": "2s"}}
    wants = policy("slo", bytes_per_second=9, slos={"shop": {"objective": 99, "spans": spans}})

    _, problems = read({"sli": counts, "tail_sampling": {"policies": [wants]}})

    text = "tail_sampling means other events by shop than sli: bad.above is '2s', and there '1s'"
    assert [(of.text, of.level) for of in problems] == [(text, Level.WARNING)]
    spans["bad"] = {"above": "1s"}
    assert read({"sli": counts, "tail_sampling": {"policies": [wants]}})[1] == []


def test_what_is_printed_is_read_again_and_says_what_only_we_have() -> None:
    policies = [
        ERRORS,
        policy("and", and_sub_policy=[policy("trace_flags"), policy("latency", threshold_ms=5)]),
        policy("ema_throughput", field_list=["service.name"]),
    ]
    loaded, problems = read({"tail_sampling": {"policies": policies}})
    assert problems == []
    assert loaded is not None

    text = printed(loaded)

    again = yaml.safe_load(text)["processors"]["tail_sampling"]["policies"]
    assert again[0] == ERRORS
    assert "and" in again[1]
    marked = [line for line in text.splitlines() if "has no" in line]
    assert len(marked) == 1
    assert marked[0].endswith("# the OpenTelemetry Collector has no ema_throughput")
    around = Surroundings({}, lambda path: path)
    _, problems = load([Text("again.yaml", text)], around, Registry.installed())
    assert problems == []
