"""The roster: who is on duty, at which phone; logging in and out, pausing, wrap-up, becoming ready.

Every change is kept in the journal. What cannot be done raises a RosterError with one sentence
that can be shown to the person who asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from acd.calls.journal import Journal
from acd.operators.changes import OperatorChanges
from acd.operators.operator import MISSED, Device, Operator, Phone, Status
from acd.operators.states import State
from acd.rules.rules import Failure


class RosterError(Exception):
    """An operator's wish cannot be met. Kinds: NoSuchOperator, NoSuchPhone, NotLoggedIn,
    NotInWrapUp, NoMoreWrapUp, StillNeeded.
    """


class NoSuchOperator(RosterError):
    """Nobody of that number is known."""

    @classmethod
    def of(cls, operator_id: str) -> NoSuchOperator:
        """The error for this number."""
        return cls(f"There is no operator {operator_id[:32]}; see `ngalam112 operator list`.")


class NoSuchPhone(RosterError):
    """No phone of that number is known."""

    @classmethod
    def of(cls, number: str) -> NoSuchPhone:
        """The error for this number."""
        return cls(f"There is no phone {number[:32]}; see `ngalam112 phone list`.")


class NotLoggedIn(RosterError):
    """The operator is not logged in at any phone."""


class NotInWrapUp(RosterError):
    """There is no wrap-up that could be made longer or ended."""


class NoMoreWrapUp(RosterError):
    """The wrap-up has been made longer as often as it may be."""


class StillNeeded(RosterError):
    """An operator or a phone is in use, and cannot be removed."""


MOST_EXTENSIONS = 3


class Roster:
    """All operators and phones of the line. One writer calls it; it never waits.

    `moved(operator, now)`: an operator who has a text conversation has left the phone, for another
    one or for none; set by who keeps the conversations.
    """

    def __init__(self, journal: Journal, misses_to_pause: int = 0) -> None:
        self.operators: dict[str, Operator] = {}
        self.phones: dict[str, Phone] = {}
        self.journal = journal
        self.changes = OperatorChanges(journal)
        self._misses_to_pause = misses_to_pause
        self.moved: Callable[[Operator, float], None] = lambda one, now: None

    def operator(self, operator_id: str) -> Operator:
        """The operator of that number."""
        try:
            return self.operators[operator_id]
        except KeyError:
            raise NoSuchOperator.of(operator_id) from None

    def at_phone(self, number: str) -> Operator | None:
        """Who is logged in at the phone."""
        for one in self.operators.values():
            if one.phone == number and one.status is not Status.LOGGED_OUT:
                return one
        return None

    def at_home(self, number: str) -> Operator | None:
        """Whose own phone it is, if exactly one operator's."""
        owners = [one for one in self.operators.values() if one.home_phone == number]
        return owners[0] if len(owners) == 1 else None

    def login(self, operator_id: str, number: str | None, now: float) -> Operator:
        """Log in at the phone `number` (the operator's own if None); who sat there is logged out.

        Nobody is idle since before the login, so nobody gains a place by logging in again.
        """
        one = self.operator(operator_id)
        number = number or one.phone or one.home_phone
        if number is None:
            raise NoSuchPhone(f"Operator {operator_id} has no phone of their own; name one.")
        if number not in self.phones:
            raise NoSuchPhone.of(number)
        if one.status is Status.READY and one.phone == number:
            return one
        before = self.at_phone(number)
        if before is not None and before is not one:
            self.logout(before.id, now)
        one.idle_since = now
        one.misses, one.not_before = 0, 0.0
        self.journal.operator_event(one.id, now, "login", number, None)
        self.changes.choose(one, Status.READY, None, number, now)
        if one.text is not None:
            self.moved(one, now)
        return one

    def logout(self, operator_id: str, now: float) -> Operator:
        """Log out; a call that is being talked goes on to its end, a text goes to the next one."""
        one = self._logged_in(operator_id)
        self.journal.operator_event(one.id, now, "logout", one.phone, None)
        self.changes.choose(one, Status.LOGGED_OUT, None, None, now)
        if one.text is not None:
            self.moved(one, now)
        return one

    def pause(self, operator_id: str, reason: str | None, now: float) -> Operator:
        """Take no further calls for now."""
        return self._status(self._logged_in(operator_id), Status.PAUSED, "pause", now, reason)

    def ready(self, operator_id: str, now: float) -> Operator:
        """Take calls again; ends wrap-up early."""
        one = self._logged_in(operator_id)
        if one.state is State.WRAP_UP:
            self.wrapped_up(one, "early", now)
        one.misses, one.not_before = 0, 0.0
        return self._status(one, Status.READY, "ready", now)

    def idle(self, one: Operator, now: float, *, since: float | None = None) -> None:
        """The operator has nothing to do any more; counts as idle `since` then (None: now)."""
        one.wrap_up_until, one.extensions = 0.0, 0
        one.idle_since = now if since is None else since
        self.changes.move_with_row(one, State.IDLE, None, now)

    def free(self, operator_id: str | None, held_by: str, now: float) -> None:
        """The operator is done with `held_by`, the id of a call or an item: idle, since as before.

        An operator who has something else by now keeps it.
        """
        one = self.operators.get(operator_id or "")
        if one is not None and one.call == held_by:
            self.idle(one, now, since=one.idle_since)

    # --- wrap-up; `acd.operators.wrap_up` keeps the deadlines ----------------------------------

    def wrap_up(self, one: Operator, seconds: float, now: float) -> None:
        """A call is over: `seconds` of work after it begin."""
        one.wrap_up_until, one.extensions = now + seconds, 0
        self._wrap_up_event(one, seconds, now)

    def extend_wrap_up(self, operator_id: str, seconds: float, now: float) -> Operator:
        """Let the wrap-up end `seconds` later than it would have."""
        one = self._in_wrap_up(operator_id)
        if one.extensions >= MOST_EXTENSIONS:
            raise NoMoreWrapUp(
                f"Operator {operator_id} has made this wrap-up longer {MOST_EXTENSIONS} times; "
                "more is not allowed."
            )
        self.journal.operator_event(one.id, now, "wrap_up_end", one.phone, "extended")
        one.extensions += 1
        one.wrap_up_until += seconds
        self._wrap_up_event(one, one.wrap_up_until - now, now)
        return one

    def wait_for_code(self, one: Operator, seconds: float, now: float) -> None:
        """The wrap-up would be over, and goes on until the operator says what the call was."""
        self.journal.operator_event(one.id, now, "wrap_up_end", one.phone, "not_coded")
        one.wrap_up_until = now + seconds
        self._wrap_up_event(one, seconds, now)

    def end_wrap_up(self, operator_id: str, now: float) -> Operator:
        """End the wrap-up early; the status stays as it is."""
        one = self._in_wrap_up(operator_id)
        self.wrapped_up(one, "early", now)
        return one

    def wrapped_up(self, one: Operator, why: str, now: float) -> None:
        """The wrap-up is over: "done", "early", or "coded", for which it had been made longer."""
        self.journal.operator_event(one.id, now, "wrap_up_end", one.phone, why)
        self.idle(one, now)

    def _wrap_up_event(self, one: Operator, seconds: float, now: float) -> None:
        # each "wrap_up" tells how long it is to be and has one "wrap_up_end", so a reader can
        # hold the two against each other
        self.journal.operator_event(one.id, now, "wrap_up", one.phone, f"{seconds:g}")
        self.changes.move_with_row(one, State.WRAP_UP, None, now)

    def _in_wrap_up(self, operator_id: str) -> Operator:
        one = self.operator(operator_id)
        if one.state is not State.WRAP_UP:
            raise NotInWrapUp(f"Operator {operator_id} is not in wrap-up.")
        return one

    def missed(self, one: Operator, reason: str, failure: Failure, now: float) -> None:
        """An offer failed: last in line again, and a rest before the next offer.

        Who misses too many in a row is paused, so that citizens do not wait for an empty chair; but
        never the last one who is ready.
        """
        self.idle(one, now)
        one.not_before = now + failure.rest_s
        if not failure.counts:
            return
        one.misses += 1
        self.journal.operator_event(one.id, now, "missed", one.phone, reason)
        self.journal.operator_state(one.row())
        too_many = failure.pauses or 0 < self._misses_to_pause <= one.misses
        if too_many and one.status is Status.READY and self._others_ready(one):
            self.pause(one.id, MISSED, now)

    def _others_ready(self, one: Operator) -> bool:
        return any(
            other.status is Status.READY
            and other is not one
            and other.phone in self.phones
            and self.phones[other.phone].device is not Device.UNREACHABLE
            for other in self.operators.values()
        )

    def device(self, number: str, device: Device) -> bool:
        """Asterisk's word on a phone; True if it changes anything."""
        phone = self.phones.get(number)
        if phone is None:
            return False
        if phone.died_at:
            if device is not Device.UNREACHABLE:
                return False  # its registration lives on for minutes after the phone
            phone.died_at = 0.0  # by now Asterisk knows, and so it does when the phone comes back
        if phone.device is device:
            return False
        phone.device = device
        return True

    def phone_died(self, number: str, now: float, since: float) -> bool:
        """A phone was lost in a talk, and silent `since`: it is not rung until it is seen.

        False if nothing follows: it is none of ours, or one that never registers (`contact`), or it
        has registered since, as one does that was started anew before its silence was noticed.
        """
        phone = self.phones.get(number)
        if phone is None or phone.contact is not None or since < phone.registered_at <= now:
            return False
        phone.device, phone.died_at = Device.UNREACHABLE, now
        return True

    def phone_registered(self, number: str, now: float) -> None:
        """A phone has registered."""
        phone = self.phones.get(number)
        if phone is not None:
            phone.registered_at = now
            self.phone_seen(number)

    def phone_seen(self, number: str, device: Device = Device.FREE) -> None:
        """A phone is there: it has registered, or it has dialled and is in use."""
        phone = self.phones.get(number)
        if phone is not None and phone.died_at:
            phone.device, phone.died_at = device, 0.0

    def phone_died_long_ago(self, number: str, at: float) -> None:
        """Nothing was heard of a phone that died `at`; it is tried again, for all it may tell."""
        phone = self.phones.get(number)
        if phone is not None and phone.died_at == at:
            self.phone_seen(number)

    def all_phones_are_new(self) -> None:
        """Asterisk is another: what its phones have done before says nothing any more."""
        for number in self.phones:
            self.phone_seen(number)

    def add_phone(self, phone: Phone) -> None:
        """Know a phone, or know its new password or contact."""
        known = self.phones.get(phone.number)
        if known is not None:
            known.password, known.contact = phone.password, phone.contact
        else:
            self.phones[phone.number] = phone

    def add_operator(self, operator: Operator) -> None:
        """Know an operator, or know the new name, PIN or phone of one."""
        known = self.operators.get(operator.id)
        if known is not None:
            known.name, known.pin_hash = operator.name, operator.pin_hash
            known.home_phone = operator.home_phone
        else:
            self.operators[operator.id] = operator

    def remove_operator(self, operator_id: str) -> Operator:
        """Know an operator no more, who must have logged out and be done with calls."""
        one = self.operator(operator_id)
        check_logged_out(one)
        if one.state is not State.IDLE:
            raise StillNeeded(
                f"Operator {operator_id} has a call, or work after one; wait until that is over."
            )
        return self.operators.pop(operator_id)

    def remove_phone(self, number: str) -> Phone:
        """Know a phone no more, at which nobody may be logged in, and which is nobody's own."""
        phone = self.phones.get(number)
        if phone is None:
            raise NoSuchPhone.of(number)
        check_unneeded(number, self.operators.values())
        if phone.device is Device.IN_USE:
            raise StillNeeded(f"Phone {number} is in use; wait until its call is over.")
        return self.phones.pop(number)

    def set_skills(
        self, operator_id: str, skills: dict[str, int] | None, weight: int | None
    ) -> Operator:
        """Give an operator other skills or another weight; None leaves what is there."""
        one = self.operator(operator_id)
        one.skills = one.skills if skills is None else dict(skills)
        one.weight = one.weight if weight is None else weight
        self.journal.operator_state(one.row())
        return one

    def _logged_in(self, operator_id: str) -> Operator:
        one = self.operator(operator_id)
        if one.status is Status.LOGGED_OUT:
            raise NotLoggedIn(f"Operator {operator_id} is not logged in.")
        return one

    def _status(
        self, one: Operator, status: Status, kind: str, now: float, reason: str | None = None
    ) -> Operator:
        self.journal.operator_event(one.id, now, kind, one.phone, reason)
        self.changes.choose(one, status, reason, one.phone, now)
        return one


def check_logged_out(operator: Operator) -> None:
    """Raise StillNeeded if an operator is logged in."""
    if operator.status is not Status.LOGGED_OUT:
        raise StillNeeded(f"Operator {operator.id} is logged in; log them out first.")


def check_unneeded(number: str, operators: Iterable[Operator]) -> None:
    """Raise StillNeeded if an operator is logged in at the phone, or if it is their own."""
    for one in operators:
        if one.phone == number and one.status is not Status.LOGGED_OUT:
            raise StillNeeded(
                f"Operator {one.id} is logged in at phone {number}; log them out first."
            )
        if one.home_phone == number:
            raise StillNeeded(
                f"Phone {number} is operator {one.id}'s own; give them another one first, or"
                f" none: `ngalam112 operator add {one.id} --replace`."
            )
