"""Phones and operators as they are kept: reads them, adds them, checks what is given.

Used by the API while the engine lives, and by the command line while it does not.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from acd.operators.operator import Operator, Phone, operator_of
from acd.operators.roster import (
    NoSuchOperator,
    NoSuchPhone,
    check_logged_out,
    check_unneeded,
)
from models.database import Database
from models.rows import moment, plain
from models.tables import OperatorRow, PhoneRow
from ngalam112.accounts.pins import LEAST_DIGITS, PinError, hash_pin
from pbx.render import RenderError, check_phone, password_digest

_ID = re.compile(r"[0-9]{1,10}")
_LONGEST_NAME = 64
_LONGEST_CONTACT = 255


class AdminError(Exception):
    """A phone or an operator cannot be added as asked. Kinds: WrongValue, AlreadyThere."""


class WrongValue(AdminError):
    """A number, name, password, contact or PIN cannot be used."""


class AlreadyThere(AdminError):
    """There is one of that number, and nobody said that it may be replaced."""


def new_password() -> str:
    """Make a phone's password: 24 hexadecimal digits, 96 bits, easy to copy by hand.

    None begins with `0x`, which SIPp takes for bytes in hexadecimal and signs with those.
    """
    return secrets.token_hex(12)


async def load_roster(database: Database) -> tuple[list[Operator], list[Phone]]:
    """Read all operators and phones, in the order of their numbers. Raises a DatabaseError."""
    try:
        async with database.session() as session:
            operators = await session.scalars(select(OperatorRow).order_by(OperatorRow.id))
            phones = await session.scalars(select(PhoneRow).order_by(PhoneRow.number))
            return (
                [_operator(row) for row in operators],
                [Phone(row.number, row.password, row.contact) for row in phones],
            )
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None


def check_free(number: str, *dialled: str) -> None:
    """Raise WrongValue if a phone is to have a number that is `dialled` from outside."""
    if number in dialled:
        raise WrongValue(
            f"Phone number {number} is the one that citizens dial; give the phone another."
        )


async def add_phone(
    database: Database,
    number: str,
    password: str | None,
    contact: str | None,
    *,
    replace: bool = True,
) -> Phone:
    """Keep a phone and return it, with its password; without one it is made.

    Of the password only a digest is kept. A phone that is there gets the new password and contact;
    with `replace` False it stays as it is and AlreadyThere is raised. Raises WrongValue, or a
    DatabaseError.
    """
    phone = Phone(number, password or new_password(), contact)
    try:
        check_phone(phone)
    except RenderError as error:
        raise WrongValue(str(error)) from None
    if len(contact or "") > _LONGEST_CONTACT:
        raise WrongValue(f"The contact of phone {number} is longer than {_LONGEST_CONTACT}.")
    kept = sealed(phone).password
    row = PhoneRow(number=number, password=kept, contact=contact)
    await _keep(database, PhoneRow, number, row, ("password", "contact"), replace)
    return phone


def sealed(phone: Phone) -> Phone:
    """Return the phone as it is kept: with a digest instead of the password."""
    return Phone(phone.number, password_digest(phone.number, phone.password), phone.contact)


async def add_operator(
    database: Database,
    id: str,
    name: str,
    pin: str,
    home_phone: str | None,
    *,
    skills: Mapping[str, int] | None = None,
    weight: int | None = None,
    replace: bool = True,
    pin_digits: int = LEAST_DIGITS,
) -> Operator:
    """Keep an operator, logged out, and return them.

    An operator who is there gets the new name, PIN and own phone (and the skills and the weight, if
    given) and stays logged in or out; with `replace` False nothing changes and AlreadyThere is
    raised. `skills` and `weight` have been checked; a PIN has at least `pin_digits`. Raises
    WrongValue, or a DatabaseError.
    """
    if not _ID.fullmatch(id):
        raise WrongValue(f"Operator number {id!r} must be 1 to 10 digits.")
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise WrongValue(
            f"The name of operator {id} must be 1 to {_LONGEST_NAME} readable characters."
        )
    try:
        operator = Operator(id, name, hash_pin(pin.strip(), pin_digits), home_phone)
    except PinError as error:
        raise WrongValue(f"The PIN of operator {id} cannot be used: {error}") from None
    names = ["name", "pin_hash", "home_phone"]
    if skills is not None:
        operator.skills = dict(skills)
        names.append("skills")
    if weight is not None:
        operator.weight = weight
        names.append("weight")
    await _keep(database, OperatorRow, id, operator_row(operator), names, replace)
    return operator


def operator_row(operator: Operator) -> OperatorRow:
    """Return the operator as a row of the database."""
    kept = operator.row()
    for column in ("status_since", "idle_since"):
        kept[column] = moment(kept[column])
    return OperatorRow(**kept)


async def set_skills(
    database: Database, id: str, skills: Mapping[str, int] | None, weight: int | None
) -> Operator:
    """Give an operator other skills or another weight; None leaves what is there.

    Both have been checked. Raises NoSuchOperator, or a DatabaseError.
    """
    async with transaction(database) as session:
        row = await _operator_row(session, id)
        if skills is not None:
            row.skills = dict(skills)
        if weight is not None:
            row.weight = weight
        return _operator(row)


async def remove_operator(database: Database, id: str) -> None:
    """Remove an operator, who must be logged out; the calls and events that name them stay.

    Raises NoSuchOperator, StillNeeded, or a DatabaseError.
    """
    async with transaction(database) as session:
        row = await _operator_row(session, id)
        check_logged_out(_operator(row))
        await session.delete(row)


async def remove_phone(database: Database, number: str) -> None:
    """Remove a phone at which nobody is logged in, and which is nobody's own.

    Raises NoSuchPhone, StillNeeded, or a DatabaseError.
    """
    async with transaction(database) as session:
        row = await session.get(PhoneRow, number)
        if row is None:
            raise NoSuchPhone.of(number)
        operators = await session.scalars(select(OperatorRow).order_by(OperatorRow.id))
        check_unneeded(number, [_operator(one) for one in operators])
        await session.delete(row)


@asynccontextmanager
async def transaction(database: Database) -> AsyncIterator[AsyncSession]:
    """Read and change together: nobody else writes meanwhile. Raises a DatabaseError."""
    try:
        async with database.session() as session:
            await session.connection(execution_options={"sqlite_begin": "BEGIN IMMEDIATE"})
            yield session
            await session.commit()
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None


async def _operator_row(session: AsyncSession, id: str) -> OperatorRow:
    row = await session.get(OperatorRow, id)
    if row is None:
        raise NoSuchOperator.of(id)
    return row


async def _keep(
    database: Database,
    model: type[OperatorRow] | type[PhoneRow],
    key: str,
    fresh: OperatorRow | PhoneRow,
    names: Sequence[str],
    replace: bool,
) -> None:
    """Add the row `fresh`, or give the row `key` its values of `names`."""
    try:
        async with database.session() as session:
            # whoever reads before writing must hold the lock of SQLite from the start
            await session.connection(execution_options={"sqlite_begin": "BEGIN IMMEDIATE"})
            if isinstance(fresh, OperatorRow):
                await _check_home(session, fresh)
            known = await session.get(model, key)
            if known is None:
                session.add(fresh)
            elif not replace:
                raise _already_there(fresh, key)
            else:
                for name in names:
                    setattr(known, name, getattr(fresh, name))
            await session.commit()
    except IntegrityError:  # somebody else added it in this very moment
        raise _already_there(fresh, key) from None
    except (OSError, SQLAlchemyError) as error:
        raise database.unreachable(error) from None


async def _check_home(session: AsyncSession, row: OperatorRow) -> None:
    if row.home_phone is not None and await session.get(PhoneRow, row.home_phone) is None:
        raise WrongValue(
            f"There is no phone {row.home_phone[:10]!r} for operator {row.id}; "
            "add it first, see `ngalam112 phone list`."
        )


def _already_there(row: OperatorRow | PhoneRow, key: str) -> AlreadyThere:
    what, gets = ("operator", "name, PIN and phone")
    if isinstance(row, PhoneRow):
        what, gets = ("phone", "password and contact")
    return AlreadyThere(
        f"There is {what} {key} already; add it with --replace to give it another {gets}."
    )


def _operator(row: OperatorRow) -> Operator:
    names = OperatorRow.__table__.columns.keys()
    return operator_of(plain({name: getattr(row, name) for name in names}))
