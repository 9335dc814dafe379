"""`kind: Settings`: what holds for the whole run, every key with a default."""

from __future__ import annotations

import posixpath
import re
from typing import Final
from urllib.parse import urlsplit

from slo.exact import Duration
from slo.model import Base, Intervals, LogStore, Settings, SeverityWords, TraceStore, Urls, UserFile
from slo.spec.context import Context, Document
from slo.spec.fields import Fields
from slo.spec.windows import rolling_length

# Beyond 5 minutes a recorded series goes stale between two evaluations; 4 leave room for a
# late one. Source: Prometheus, "Querying basics", staleness.
_SLOWEST: Final = Duration.parse("4m")
# A rate over 5 minutes needs two scrapes, and one of them may fail.
_SELDOM: Final = Duration.parse("2m")
_PROMETHEUS: Final = (2, 42)
"""The first with `keep_firing_for`, without which no rule file of ours is read."""
_VERSION: Final = re.compile(r"v?([0-9]+)\.([0-9]+)(?:\.[0-9]+)?")


def read_settings(document: Document, context: Context) -> Settings:
    """The settings of `document`; what does not fit keeps its default."""
    spec = document.spec
    default = Settings()
    targets, defaults = spec.child("targets"), spec.child("defaults")
    # What is written is the same for every Prometheus that can read it.
    _version(targets, "prometheus", _PROMETHEUS, context)
    return Settings(
        urls=_urls(spec.child("urls"), context),
        intervals=_intervals(spec.child("intervals"), context),
        external_labels=spec.pairs("external_labels"),
        logs=_store(targets.text("logs"), LogStore.ELASTICSEARCH),
        traces=TraceStore.TEMPO if targets.text("traces") == "tempo" else TraceStore.JAEGER,
        alertmanager_version=_version(
            targets, "alertmanager", default.alertmanager_version, context
        ),
        default_owner=defaults.text("owner"),
        default_policy=defaults.text("policy", default.default_policy),
        default_window=rolling_length(defaults, context.problems) or default.default_window,
        severities=_severities(spec.child("severities"), context),
        base=_base(spec.child("base"), context),
    )


def check_defaults(document: Document, context: Context) -> None:
    """Report defaults that name what does not exist; done when all names are known."""
    defaults = document.spec.child("defaults")
    if defaults.has("owner"):
        context.check_team(defaults.text("owner"), defaults.place("owner"))


def _severities(fields: Fields, context: Context) -> SeverityWords:
    """The user's words, which must tell a page from a ticket, and both from nobody's alerts."""
    words = SeverityWords(fields.text("page", "page"), fields.text("ticket", "ticket"))
    for key, word, taken in (
        ("page", words.page, {words.ticket, "ticket", "none", ""}),
        ("ticket", words.ticket, {words.page, "page", "none", ""}),
    ):
        if word in taken or not word.isprintable() or '"' in word:
            text = f"severities.{key} must be a word that means nothing else, got {word!r}"
            hint = "none is for alerts that go to nobody, page and ticket keep their meaning"
            context.problems.error("SLO016", text, fields.place(key), hint)
            return SeverityWords()
    return words


def _base(fields: Fields, context: Context) -> Base:
    return Base(
        alertmanager=_user_file(fields, "alertmanager", context),
        prometheus=_user_file(fields, "prometheus", context),
        collector=_user_file(fields, "collector", context),
    )


def _user_file(fields: Fields, key: str, context: Context) -> UserFile | None:
    """The file that `key` names, relative to the file that names it."""
    named, place = fields.text(key), fields.place(key)
    if not named:
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(place.file), named))
    try:
        text = context.open_text(path)
    except (OSError, UnicodeDecodeError) as error:
        context.problems.error("SLO005", f"{path} cannot be read: {unreadable(error)}", place)
        return None
    return UserFile(path, text, place)


def unreadable(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, in a few words."""
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 at byte {error.start}"
    return (error.strerror or str(error)).lower()


def _store(text: str, default: LogStore) -> LogStore:
    return LogStore.LOKI if text == LogStore.LOKI else default


def _urls(fields: Fields, context: Context) -> Urls:
    default = Urls()
    return Urls(
        runbooks=_url(fields, "runbooks", default.runbooks, context),
        grafana=_url(fields, "grafana", default.grafana, context),
        prometheus=_url(fields, "prometheus", default.prometheus, context),
        alertmanager=_url(fields, "alertmanager", default.alertmanager, context),
    )


def _url(fields: Fields, key: str, default: str, context: Context) -> str:
    text = fields.text(key)
    if not text:
        return default
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        got = f"{key} must be an http or https address, got {text!r}"
        context.problems.error("SLO016", got, fields.place(key), "write https://host/path")
    elif parts.username or parts.password:
        got = f"{key} holds a user or a password, and links stand in every notification"
        context.problems.error("SLO022", got, fields.place(key), "leave it out")
    return text.rstrip("/")


def _intervals(fields: Fields, context: Context) -> Intervals:
    default = Intervals()
    scrape = fields.duration("scrape") or default.scrape
    fast = fields.duration("fast") or default.fast
    slow = fields.duration("slow") or max(default.slow, fast)
    problems = context.problems
    if scrape > _SELDOM:
        text = f"scrape must be at most 2m, got {scrape.promql()}"
        hint = "every SLI is a rate over five minutes, which needs two scrapes"
        problems.error("SLO014", text, fields.place("scrape"), hint)
    if slow > _SLOWEST:
        text = f"slow must be at most 4m, got {slow.promql()}"
        hint = "recorded series go stale after 5 minutes"
        problems.error("SLO014", text, fields.place("slow"), hint)
    if fast > Duration.parse("1m"):
        text = f"fast must be at most 1m, got {fast.promql()}"
        problems.error("SLO014", text, fields.place("fast"), "a page would come too late")
    elif slow < fast:
        text = f"slow must be at least fast ({fast.promql()}), got {slow.promql()}"
        problems.error("SLO014", text, fields.place("slow"))
    return Intervals(scrape, fast, slow)


def _version(fields: Fields, key: str, least: tuple[int, int], context: Context) -> tuple[int, int]:
    """The version under `key`: the oldest that is supported where the file names none."""
    text = fields.text(key)
    if not text:
        return least
    match = _VERSION.fullmatch(text)
    if match is None:
        got = f"{key} must be a version, got {text!r}"
        context.problems.error("SLO016", got, fields.place(key), 'write "2.42", in quotes')
        return least
    stated = int(match.group(1)), int(match.group(2))
    if stated < least:
        words = f"{key} must be {least[0]}.{least[1]} or later, got {text}"
        hint = "an older one refuses what is written"
        context.problems.error("SLO016", words, fields.place(key), hint)
        return least
    return stated
