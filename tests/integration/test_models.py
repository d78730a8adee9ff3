"""Reading, writing and opening, on both databases."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

if TYPE_CHECKING:
    from databases import PostgresServer

from models.database import Database, DatabaseError, Unreachable, WrongUrl, upgrade
from models.rows import plain
from models.tables import Base, CallEventRow, CallRow, OperatorRow, PhoneRow
from models.writing import insert_new, upsert, upsert_newer

pytest_plugins = ("databases",)

HOSTILE = [
    "",
    "\0",
    "a\0b",
    "\ud800",
    "😀" * 3000,
    "'; DROP TABLE calls; --",
    "=cmd()",
    "\x1b[2J\r\n",
]


def a_call(**changes: Any) -> dict[str, Any]:
    """A row of `calls`; times in seconds since the epoch."""
    blank = dict.fromkeys(CallRow.__table__.columns.keys())
    texts = dict.fromkeys(("asterisk_id", "caller_number", "caller_name", "called_number"), "")
    given = {"call_id": "one", "language": "id", "category_source": "none", "arrived_at": 1.5}
    counts = {"offers": 0, "informed": False, "events": 1, "wants_callback": False}
    counts |= {"legs": [], "holds": 0, "held_ms": 0, "transfers": 0}
    counts |= {"withheld": False, "silent": False}
    return blank | texts | given | counts | changes


async def rows(database: Database, model: type[Base]) -> list[dict[str, Any]]:
    table = model.__table__
    async with database.session() as session:
        found = await session.execute(select(table).order_by(*table.primary_key))
        return [dict(row) for row in found.mappings()]


async def write(database: Database, model: type[Base], *values: dict[str, Any]) -> None:
    async with database.engine.begin() as connection:
        await upsert(connection, model, values)


async def test_a_call_comes_back_as_it_was_written_with_its_times_in_utc(
    database: Database,
) -> None:
    call = a_call(arrived_at=1_776_000_000.123456, ended_at=1_776_000_009.0, informed=True)
    call |= {"loss_percent": 0.25, "wait_ms": 3 * 10**10}
    await write(database, CallRow, call)
    (found,) = await rows(database, CallRow)
    assert plain(found) == call
    assert found["arrived_at"].tzinfo is UTC


async def test_a_moment_of_another_time_zone_is_the_same_moment(database: Database) -> None:
    jakarta = timezone(timedelta(hours=7))
    await write(database, CallRow, a_call(arrived_at=datetime(2026, 4, 13, 6, tzinfo=jakarta)))
    (found,) = await rows(database, CallRow)
    assert found["arrived_at"] == datetime(2026, 4, 12, 23, tzinfo=UTC)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
async def test_whatever_a_caller_sends_as_name_and_number_is_kept(
    database: Database, text: str
) -> None:
    await write(database, CallRow, a_call(caller_name=text, caller_number=text))
    event = {"call_id": "one", "seq": 1, "at": 1.5, "kind": "arrived", "data": {"x": [text, 1e999]}}
    await write(database, CallEventRow, event)
    (found,) = await rows(database, CallRow)
    kept = text.replace("\0", "").replace("\ud800", "?")
    assert found["caller_name"] == kept[:128]
    (event,) = await rows(database, CallEventRow)
    assert event["data"] == {"x": [kept[:1000], None]}


async def test_writing_a_call_again_changes_it_and_adds_none(database: Database) -> None:
    await write(database, CallRow, a_call(), a_call(call_id="two"))
    await write(database, CallRow, a_call(category="fire", events=2))
    assert [(row["call_id"], row["category"]) for row in await rows(database, CallRow)] == [
        ("one", "fire"),
        ("two", None),
    ]


@pytest.mark.parametrize(
    ("there", "written", "counts"),
    [
        ({"events": 5}, {"events": 4}, False),
        ({"events": 5}, {"events": 5}, True),
        ({"events": 5, "ended_at": 9.0}, {"events": 4, "ended_at": 9.0}, False),
        ({"events": 5, "ended_at": 9.0}, {"events": 6, "ended_at": 9.0}, True),
        ({"events": 5}, {"events": 4, "ended_at": 9.0}, True),
    ],
)
async def test_a_call_is_not_changed_by_an_older_row(
    database: Database, there: dict[str, Any], written: dict[str, Any], counts: bool
) -> None:
    for row in ({**there, "category": "there"}, {**written, "category": "written"}):
        async with database.engine.begin() as connection:
            some = [a_call(**row), a_call(**row, call_id="two")]
            await upsert_newer(connection, CallRow, some, "events", "ended_at")
    found = {row["category"] for row in await rows(database, CallRow)}
    assert found == {"written" if counts else "there"}


async def test_an_event_that_is_there_stays_as_it_is(database: Database) -> None:
    await write(database, CallRow, a_call())
    event = {"call_id": "one", "seq": 1, "at": 1.5, "kind": "arrived", "data": {}}
    for kind in ("arrived", "ended"):
        async with database.session() as session, session.begin():
            await insert_new(session, CallEventRow, [event | {"kind": kind}])
    assert [row["kind"] for row in await rows(database, CallEventRow)] == ["arrived"]


async def test_columns_that_are_not_named_keep_what_they_have(database: Database) -> None:
    phone = {"number": "101", "password": "first", "contact": "sip:101@127.0.0.1:5070"}
    await write(database, PhoneRow, phone)
    (before,) = await rows(database, PhoneRow)
    await write(database, PhoneRow, {"number": "101", "password": "second"})
    assert await rows(database, PhoneRow) == [before | {"password": "second"}]


async def test_two_calls_may_lack_asterisks_id_but_not_share_one(database: Database) -> None:
    await write(database, CallRow, a_call(), a_call(call_id="two"))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await write(
            database,
            CallRow,
            a_call(call_id="three", asterisk_id="1.1"),
            a_call(call_id="four", asterisk_id="1.1"),
        )


async def test_an_event_needs_its_call(database: Database) -> None:
    event = {"call_id": "none", "seq": 1, "at": 1.5, "kind": "arrived", "data": {}}
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await write(database, CallEventRow, event)


async def test_nothing_to_write_is_no_error(database: Database) -> None:
    await write(database, OperatorRow)
    assert await rows(database, OperatorRow) == []


async def test_sqlite_lets_readers_read_while_another_process_writes(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "inside" / "ngalam112.db"
    await upgrade(f"sqlite:///{file}")
    async with Database(f"sqlite:///{file}") as database:
        await write(database, CallRow, a_call())
        other = sqlite3.connect(file)
        try:
            other.execute("BEGIN IMMEDIATE")
            other.execute("UPDATE calls SET category = 'fire'")
            (seen,) = await rows(database, CallRow)
        finally:
            other.close()
        assert seen["category"] is None
        async with database.engine.connect() as connection:
            for pragma, value in (("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2)):
                assert (await connection.execute(text(f"PRAGMA {pragma}"))).scalar() == value


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "mysql://u:hush@h/db",
        "postgresql://u:hush@h:port/db",
        "postgresql:/u:hush@h/db",
        "postgresql+psycopg2://u:hush@h/db",
    ],
)
def test_a_wrong_url_is_one_sentence_with_the_right_form_and_no_password(url: str) -> None:
    with pytest.raises(WrongUrl, match="give sqlite:///FILE or postgresql://") as raised:
        Database(url)
    assert "hush" not in str(raised.value)
    assert "\n" not in str(raised.value)


async def told_when_opened(url: str) -> str:
    with pytest.raises(DatabaseError) as raised:
        async with Database(url):
            pass
    assert "\n" not in str(raised.value)
    assert "hush" not in str(raised.value)
    return str(raised.value)


async def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    told = await told_when_opened("postgres://ngalam:hush@127.0.0.1:1/line")
    assert told.startswith("The database postgresql://ngalam:***@127.0.0.1:1/line cannot be used (")
    assert told.endswith(
        "; check that the server runs, and the user, password and name in the URL."
    )


async def test_an_option_that_the_driver_does_not_know_is_named() -> None:
    told = await told_when_opened("postgresql://ngalam:hush@127.0.0.1:1/line?colour=red")
    assert "colour" in told


async def test_a_database_that_the_server_does_not_have_is_named(
    postgres_server: PostgresServer,
) -> None:
    assert 'database "nowhere" does not exist' in await told_when_opened(
        postgres_server.url("nowhere")
    )


async def test_a_file_in_no_folder_and_a_file_that_is_no_database_are_told(tmp_path: Path) -> None:
    assert "unable to open database file" in await told_when_opened(
        f"sqlite:///{tmp_path / 'none' / 'x.db'}"
    )
    (tmp_path / "text.db").write_text("no database " * 100)
    assert "not a database" in await told_when_opened(f"sqlite:///{tmp_path / 'text.db'}")


async def test_an_upgrade_where_no_folder_can_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable, match="check the file, its folder"):
        await upgrade(f"sqlite:///{tmp_path / 'file' / 'x.db'}")
