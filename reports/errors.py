"""What a report cannot do, in one sentence for the person who asked."""

from __future__ import annotations


class ReportError(Exception):
    """A report cannot be given as asked. Kinds: NoSuchCall, SeveralCalls, BadQuestion."""


class NoSuchCall(ReportError):
    """No call has that id."""


class SeveralCalls(ReportError):
    """More than one call's id begins like that."""


class BadQuestion(ReportError):
    """An outcome, a grouping or a time zone that does not exist."""
