"""What cannot be done with personal data, in one sentence for the person who asked."""

from __future__ import annotations


class PrivacyError(Exception):
    """Personal data cannot be treated as asked. Its kinds are below."""


class NotKnown(PrivacyError):
    """There is no request, hold or breach of that number, or no such kind."""


class NotLegal(PrivacyError):
    """What was asked is against the rules, such as a second end of one request."""


class ChangedMeanwhile(PrivacyError):
    """Somebody else has changed the same thing at this moment; nothing was changed."""


class TookLong(PrivacyError):
    """The database was waited for so long that somebody may have changed the same meanwhile."""


class NoTelephoneNumber(PrivacyError):
    """What was given is no telephone number, so nobody can be found by it."""
