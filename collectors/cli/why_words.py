"""What is known of a trace in words: for people, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from collectors.cli.times import at, clock
from collectors.cli.traces import MOST_SPANS, Decided, Found, Held, Remembered, Span
from collectors.sampling.notes import Cause, Note
from collectors.sampling.plan import UNKNOWN
from collectors.sampling.thresholds import share

_STATUSES: Final = ("unset", "ok", "error")
_SHOWN_SPANS: Final = 20
_LONGEST_SHOWN: Final = 100
_CAUSES: Final = {
    Cause.WAITED: "its time was up",
    Cause.EARLY: "decided on before its time: too much waited",
    Cause.TOO_LARGE: "longer than maximum_trace_size_bytes: no policy was asked",
    Cause.SETTLED: "as soon as no later span could change it",
    Cause.BROUGHT_BACK: "a late span is kept by itself, and brought its trace back",
}
_VOTES: Final = {True: "yes", False: "no", None: "not asked"}


def as_json(found: Found) -> str:
    """Everything, for programs."""
    return json.dumps(_words(found), indent=2, ensure_ascii=False)


def as_text(found: Found) -> str:
    """Everything, for people."""
    lines = [f"trace {found.trace_id.hex()}"]
    for one in found.decided:
        lines += ["", *_decided(one)]
    for held in found.held:
        lines += ["", *_held(held)]
    for remembered in found.remembered:
        if not any(of.sampler == remembered.sampler for of in found.held):
            lines += ["", *_remembered(remembered)]
    if found.span_count:
        lines += ["", *_spans(found)]
    if not (found.decided or found.held or found.remembered):
        lines += ["", *_unknown(found)]
    return "\n".join(lines)


def _decided(one: Decided) -> Iterator[str]:
    note = one.note
    what = "kept" if note.is_kept else "dropped"
    if note.cause is Cause.BROUGHT_BACK:
        what = "brought back"
    by = f" by {note.policy}" if note.policy else ", for no policy wanted it"
    if note.cause is Cause.TOO_LARGE:
        by = ""
    yield f"{what}{by}, {at(one.wall_ns)}, {one.sampler}"
    yield _row("when", _CAUSES[note.cause])
    is_of_span = note.cause is Cause.BROUGHT_BACK
    yield _row("late span" if is_of_span else "facts", _facts(note, is_of_span=is_of_span))
    yield from _leaves(note.leaves)
    if note.is_kept:
        yield _row("counts as", _weight_text(note.threshold))
    for place, (policy, vote) in enumerate(note.votes):
        drops = ", drop it" if place < note.drops and vote else ""
        yield _row("votes" if place == 0 else "", f"{policy}: {_VOTES[vote]}{drops}")
    if note.shadow is not None:
        keeps = "would keep it" if note.shadow.is_kept else "would drop it"
        by = f", by {note.shadow.policy}" if note.shadow.policy else ", for none of it wants it"
        yield _row("shadow", keeps + by)
    if not note.is_kept:
        yield _row("late spans", _of_late_spans(note))


def _facts(note: Note, *, is_of_span: bool) -> str:
    spans = "" if is_of_span else f"{note.spans} span{'s' * (note.spans != 1)}, "
    root = "root" if is_of_span else "with its root"
    none = "not a root" if is_of_span else "its root has not come"
    duration = f"{_ms(note.end_ns - note.start_ns)}" if note.end_ns else "no time that can be true"
    return f"{spans}{note.size_bytes} bytes, {duration}, {root if note.has_root else none}"


def _of_late_spans(note: Note) -> str:
    if note.policy is not None:
        return "are dropped, whatever they are: the policy drops for good"
    if note.cause is Cause.TOO_LARGE:
        return "are dropped"
    return "are dropped, unless a policy keeps one by itself"


def _leaves(leaves: tuple[str, ...]) -> Iterator[str]:
    for place, leaf in enumerate(leaves):
        yield _row("a span has" if place == 0 else "", _shown(leaf))


def _weight_text(threshold: int) -> str:
    if threshold == UNKNOWN:
        return "nobody can say how many: a rate or a budget chose it (no th)"
    if not threshold:
        return "one: it was certain"
    kept = float(share(threshold))
    return f"{1 / kept:.4g}: kept with a chance of {kept:.4%} (th {threshold:014x})"


def _held(held: Held) -> Iterator[str]:
    if held.due_ns:
        yield f"waits in {held.sampler}, decided on about {at(held.due_ns)} while the daemon runs"
    else:
        yield f"dropped in {held.sampler}; its spans are known, and a late one can bring it back"
    root = "with its root" if held.has_root else "its root has not come"
    yield _row(
        "facts",
        f"{held.spans} span{'s' * (held.spans != 1)}, {held.size_bytes} bytes, "
        f"{_ms(held.end_ns - held.start_ns)}, {root}",
    )
    yield from _leaves(held.leaves)


def _remembered(of: Remembered) -> Iterator[str]:
    what = "kept" if of.is_kept else "dropped"
    yield f"{what} by {of.sampler}; the decision log does not say why any more"
    if of.is_kept:
        yield _row("counts as", _weight_text(of.threshold))
    else:
        yield _row("late spans", "are dropped" if of.is_final else "are dropped, unless kept alone")
        yield _row("certainty", "by a fingerprint, wrong for one trace in two million")


def _spans(found: Found) -> Iterator[str]:
    late = sum(_is_late(found, span.wall_ns) for span in found.spans)
    after = f", {late} after the decision" if late else ""
    yield f"{found.span_count} span{'s' * (found.span_count != 1)} still in the inbox{after}"
    for span in found.spans[:_SHOWN_SPANS]:
        marks = " late" * _is_late(found, span.wall_ns) + " root" * span.is_root
        taken = _ms(span.duration_ns)
        yield f"  {clock(span.wall_ns)}  {_status(span)}  {taken}  {_shown(span.name)}{marks}"
    if found.span_count > _SHOWN_SPANS:
        yield f"  and {found.span_count - _SHOWN_SPANS} more"
    if not (found.decided or found.held or found.remembered):
        yield _row("decision", "none is noted: it waits, or no tail_sampling gets it")


def _unknown(found: Found) -> Iterator[str]:
    if not found.span_count:
        yield "nothing is known of it"
    if found.since_ns:
        yield _row("decisions", f"the log reaches back to {at(found.since_ns)}")
    else:
        yield _row("decisions", "none is noted yet")
    if found.inbox_since_ns:
        yield _row("inbox", f"reaches back to {at(found.inbox_since_ns)}")
    for place, one in enumerate(found.candidates):
        yield _row("similar" if place == 0 else "", one.hex())


def _shown(text: str) -> str:
    """A text that somebody sent, on one line: it moves no cursor, and does not speak for us."""
    cut = text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in cut
    )


def _row(name: str, text: str) -> str:
    return f"  {name:<11} {text}"


def _ms(duration_ns: int) -> str:
    return f"{duration_ns / 1e6:.6g} ms"


def _status(span: Span) -> str:
    known = _STATUSES[span.status] if span.status < len(_STATUSES) else str(span.status)
    return f"{known:<5}"


def _words(found: Found) -> dict[str, object]:
    return {
        "traceId": found.trace_id.hex(),
        "known": found.is_known,
        "decisions": [_decision(one) for one in found.decided],
        "waits": [
            {
                "sampler": of.sampler,
                "state": "waits" if of.due_ns else "dropped, and can be brought back",
                "decidedAbout": at(of.due_ns) if of.due_ns else None,
                "spans": of.spans,
                "bytes": of.size_bytes,
                "hasRoot": of.has_root,
                "durationMs": (of.end_ns - of.start_ns) / 1e6,
                "true": list(of.leaves),
            }
            for of in found.held
        ],
        "remembered": [
            {
                "sampler": of.sampler,
                "decision": "kept" if of.is_kept else "dropped",
                **_weight(of.threshold, is_kept=of.is_kept),
                "final": of.is_final,
            }
            for of in found.remembered
        ],
        "spans": [
            {
                "arrived": at(span.wall_ns),
                "late": _is_late(found, span.wall_ns),
                "name": span.name,
                "status": _status(span).strip(),
                "durationMs": span.duration_ns / 1e6,
                "root": span.is_root,
            }
            for span in found.spans
        ],
        "spansInInbox": found.span_count,
        "spansLeftOut": max(0, found.span_count - MOST_SPANS),
        "decisionsSince": at(found.since_ns) if found.since_ns else None,
        "inboxSince": at(found.inbox_since_ns) if found.inbox_since_ns else None,
        "snapshot": at(found.snapshot_ns) if found.snapshot_ns else None,
        "snapshotUnreadable": found.is_snapshot_unread,
        "similar": [one.hex() for one in found.candidates],
    }


def _decision(one: Decided) -> dict[str, object]:
    note = one.note
    words: dict[str, object] = {
        "time": at(one.wall_ns),
        "sampler": one.sampler,
        "decision": "kept" if note.is_kept else "dropped",
        "policy": note.policy,
        "cause": note.cause,
        "final": _is_final(note),
        "votes": dict(note.votes),
        **_weight(note.threshold, is_kept=note.is_kept),
        "spans": note.spans,
        "bytes": note.size_bytes,
        "hasRoot": note.has_root,
        "durationMs": (note.end_ns - note.start_ns) / 1e6,
        "true": list(note.leaves),
    }
    if note.shadow is not None:
        decision = "kept" if note.shadow.is_kept else "dropped"
        words["shadow"] = {"decision": decision, "policy": note.shadow.policy}
    return words


def _is_final(note: Note) -> bool:
    return not note.is_kept and note.policy is not None


def _weight(threshold: int, *, is_kept: bool) -> dict[str, object]:
    if not is_kept:
        return {}
    if threshold == UNKNOWN:
        return {"threshold": None, "weight": None}
    return {"threshold": f"{threshold:014x}", "weight": float(1 / share(threshold))}


def _is_late(found: Found, wall_ns: int) -> bool:
    return bool(found.decided) and wall_ns > found.decided[0].wall_ns
