"""The links by which agencies accept and report: makes them, and reads their tokens."""

from __future__ import annotations

import structlog

from deliveries.links import Action, Claim, check, make
from incidents.dispatch import Dispatch
from ngalam112.config.settings import Settings, SettingsError

log = structlog.get_logger("links")

LINK_LASTS_S = 14 * 86_400.0
"""So long after its dispatch a link is valid: somebody may report on a complaint after days."""


class AgencyLinks:
    """Makes and reads links with the line's keys.

    Without keys that can be used the line works on, without links; the log says why.
    """

    def __init__(self, settings: Settings) -> None:
        self._base = settings.link_url
        self._keys: tuple[bytes, ...] = ()
        if not settings.link_port:
            return  # a line that has no pages needs no key for them
        try:
            self._keys = settings.link_keys
        except (SettingsError, OSError) as error:
            log.error("no_links", error=str(error))

    @property
    def work(self) -> bool:
        """Whether links can be made and read."""
        return bool(self._keys)

    def url(self, dispatch: Dispatch) -> str:
        """Return the link of a dispatch, the same whenever it is asked for; "" if none is sent."""
        return f"{self._base}/{self.token(dispatch)}" if self._base and self.work else ""

    def token(self, dispatch: Dispatch) -> str:
        """Return what stands at the end of the link."""
        expires_at = int(dispatch.created_at + LINK_LASTS_S)
        claim = Claim(dispatch.id, dispatch.agency, frozenset(Action), expires_at)
        return make(claim, self._keys)

    def read(self, token: str, now: float) -> Claim:
        """Return what a token says; raises LinkError unless this line has made it for now."""
        return check(token, self._keys, now)
