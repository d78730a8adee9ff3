"""What cannot be done with an incident, in one sentence for the person who asked."""

from __future__ import annotations


class IncidentError(Exception):
    """Something cannot be done with an incident. Its kinds are below."""


class IncidentRefused(IncidentError):
    """The incident is in a state in which that makes no sense."""


class IncidentChanged(IncidentError):
    """Somebody else has changed it since it was read; nothing of what was typed is lost."""


class BadIncident(IncidentError, ValueError):
    """A value that no incident can have."""


class NotUnderstood(IncidentError, ValueError):
    """What was typed in the command bar says nothing that can be done; nothing of it was done."""


class HalfDone(IncidentError):
    """Of what was typed in the command bar a part is done, and the rest was refused."""
