"""What a report cannot do, in one sentence for the person who asked."""

from __future__ import annotations


class ReportError(Exception):
    """A report cannot be given as asked. Its kinds are below."""


class NoSuchCall(ReportError):
    """No call has that id."""


class SeveralCalls(ReportError):
    """More than one call's id begins like that."""


class NoSuchCallback(ReportError):
    """No callback has that id."""


class SeveralCallbacks(ReportError):
    """More than one callback's id begins like that."""


class NoSuchText(ReportError):
    """No conversation has that id."""


class SeveralTexts(ReportError):
    """More than one conversation's id begins like that."""


class NoSuchIncident(ReportError):
    """No incident has that number or id."""


class SeveralIncidents(ReportError):
    """More than one incident's id begins like that."""


class TooLittleData(ReportError):
    """There are too few calls to say anything from."""


class BadQuestion(ReportError):
    """An outcome, a grouping or a time zone that does not exist."""


class ReportFailed(ReportError):
    """The report could not be computed, or not in time."""
