"""What people see of a number whose caller asked that nobody be shown it (RFC 3323, `Privacy: id`).

A trusted trunk tells the emergency line the number all the same (RFC 3325), and the record keeps
it: the line may process it to protect the caller's life (Indonesia's law 27 of 2022, article 20,
paragraph 2, letter d), and a citizen who is cut off can only be called back by it. How much of it
is on phones, in lists, in the API and in exports is for the city to decide. Pure.
"""

from __future__ import annotations

from enum import StrEnum

_BEGIN, _END = 4, 3
_FEWEST_HIDDEN = 3  # signs; of what is shorter than all three, too much would be seen


class Withheld(StrEnum):
    """How much is seen of a number that is withheld."""

    SHOWN = "shown"  # all, as of any other
    MASKED = "masked"  # 0812****890: enough to know the caller again, too little to dial
    HIDDEN = "hidden"


def seen(number: str, withheld: bool, how: Withheld) -> str:
    """Return what people see of a number as a record has it; "" if they see nothing."""
    if not withheld or how is Withheld.SHOWN or not number:
        return number
    if how is Withheld.HIDDEN:
        return ""
    begin = _BEGIN + 2 if number.startswith("+") else _BEGIN  # +62812 is as much as 0812
    if len(number) < begin + _FEWEST_HIDDEN + _END:
        return "****"
    return f"{number[:begin]}****{number[-_END:]}"
