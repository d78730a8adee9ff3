"""What the command line changes of operators while no engine runs, told to the journal as well.

The journal has the last word about what the database has not taken yet. So an older state of an
operator that waits there would undo, at the next start, what was changed meanwhile.
"""

from __future__ import annotations

import os
from pathlib import Path

from acd.operators.operator import Operator
from journal.row_kinds import OPERATORS
from journal.segments import JournalInUse
from journal.write_ahead_log import WriteAheadLog
from ngalam112.accounts.admin import AdminError

_CHANGED = ("name", "pin_hash", "home_phone", "skills", "weight")


class NotInJournal(AdminError):
    """The database has the change, and the journal could not be told."""


def check_owner(folder: Path) -> None:
    """Raise NotInJournal if what we write into the journal's folder, an engine could not read."""
    if folder.exists() and (owner := folder.stat().st_uid) != os.geteuid():
        raise NotInJournal(
            f"The journal in {folder} is of the user with the number {owner}; run this command as"
            " that user."
        )


def tell_journal(folder: Path, operator: Operator) -> None:
    """Let the journal know an operator as the database has them now, where it knows an older one.

    Status and fairness stay as the journal has them. Raises NotInJournal.
    """
    if not folder.exists():
        return
    try:
        journal = WriteAheadLog(folder)
    except JournalInUse:
        raise NotInJournal(
            f"An engine has started meanwhile and may not know operator {operator.id} as changed;"
            " give the command once more."
        ) from None
    try:
        known, now = journal.kept.operators.get(operator.id), operator.row()
        if known is None or all(known.get(name) == now[name] for name in _CHANGED):
            return
        journal.add((OPERATORS.table, known | {name: now[name] for name in _CHANGED}))
        if journal.unsaved:
            raise NotInJournal(
                f"The journal in {folder} cannot be written, so operator {operator.id} may be as"
                " before at the next start; see the disk, and give the command once more."
            )
    finally:
        journal.close()
