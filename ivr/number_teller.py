"""Tells citizens the number of their complaint or question: in the talk, and to phones that text.

A number is told by itself once, when the incident is coded, and as often as its operator wants.
"""

from __future__ import annotations

from acd.calls.call import Call, Leg
from acd.calls.live_calls import LiveCalls
from acd.calls.states import Stage
from acd.dispatcher import Dispatcher
from acd.languages import OWN_LANGUAGE
from acd.rules.load_shedding import Shed
from acd.texts import words
from acd.texts.texts import Texts
from incidents.book import By, IncidentBook
from incidents.incident import LINE, EntryKind, Incident
from incidents.numbers import short_number
from incidents.states import IncidentClass
from ivr import spoken_numbers
from ivr.spoken_numbers import spoken_number

UNKNOWN = "incident_no_number"
PROMPTS = (UNKNOWN, *spoken_numbers.PROMPTS)
TOLD = (IncidentClass.COMPLAINT, IncidentClass.INFORMATION)
VOICE, TEXT = "voice", "text"


class NumberTeller:
    """Whispers numbers into talks, which go on. On the writer's turn."""

    def __init__(
        self, dispatcher: Dispatcher, live: LiveCalls, book: IncidentBook, texts: Texts
    ) -> None:
        self._dispatcher, self._live, self._book, self._texts = dispatcher, live, book, texts

    def coded(self, incident: Incident, now: float) -> None:
        """Somebody has said what an incident is: who complains or asks is told the number, once."""
        if incident.incident_class not in TOLD or not incident.number:
            return
        if incident.number_told_at is not None:
            return
        ways = []
        if not self._dispatcher.load.sheds(Shed.WHISPERS):
            calls = [call for call in self._live.calls.values() if call.id in incident.call_ids]
            ways += [VOICE for call in calls if self._say(call, incident.number)]
        ways += [TEXT for one in incident.contacts if self._write(one.number, incident, now)]
        if ways:
            self._note(incident, By(), now, list(dict.fromkeys(ways)))

    def pressed(self, leg: Leg, now: float) -> None:
        """An operator wants the citizen to hear the number, and hears it too."""
        incident = self._book.of_call(leg.call.id)
        switch = self._dispatcher.switch
        if incident is None or not self._say(leg.call, incident.number):
            switch.tell(leg.id, UNKNOWN)
            return
        switch.tell(leg.id, *spoken_number(incident.number, OWN_LANGUAGE))
        self._note(incident, By(leg.operator or LINE, "phone"), now, [VOICE])

    def _say(self, call: Call, number: str) -> bool:
        said = spoken_number(number, call.record.language)
        if call.stage is not Stage.TALKING or not said:
            return False
        self._dispatcher.switch.tell(call.channel, *said)
        return True

    def _write(self, number: str, incident: Incident, now: float) -> bool:
        """Write it to who has an open conversation."""
        conversation = self._texts.places.by_sender.get(self._texts.sender_of(number, ""))
        if not number or conversation is None:
            return False
        self._texts.say(conversation, words.number_is(short_number(incident.number)), now)
        return True

    def _note(self, incident: Incident, by: By, now: float, ways: list[str]) -> None:
        self._book.note(incident, EntryKind.NUMBER_TOLD, by, now, {"ways": ways})
