"""People with tokens of their own, at a real engine and at the command line; Asterisk is down."""

from __future__ import annotations

import http.client
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lines import eventually, line_settings
from personal import rows_of
from served import ServedEngine, an_engine
from test_commands import failed_in_one_line, run

from journal.write_ahead_log import WriteAheadLog
from models.database import Database
from models.tables import AccessTrailRow, TokenRow
from ngalam112.accounts.people import PersonChange, Role
from ngalam112.accounts.people_rows import add_person, add_token, change_person, load_people
from ngalam112.api.askers import WRONG_TOKENS
from ngalam112.recovery.startup_state import known_by

pytest_plugins = ("databases",)
NOON = 1_776_056_400.0


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[ServedEngine]:
    async with an_engine(tmp_path / "home") as one:
        yield one


async def a_token(served: ServedEngine, id: str, role: Role) -> tuple[str, str]:
    """A new person's token: its id and its secret."""
    await served.post("/api/people", id=id, name=id.title(), role=role.value)
    made = await served.post("/api/tokens", person=id)
    return made["token"]["id"], made["secret"]


async def asked(
    served: ServedEngine, token: str, method: str, path: str, **body: Any
) -> tuple[int, Any]:
    sent = json.dumps(body).encode() if method in ("POST", "PUT") else None
    status, answer = await served.raw(method, path, sent, token=token)
    return status, json.loads(answer)


async def test_a_role_that_is_too_low_is_told_which_is_needed(served: ServedEngine) -> None:
    _, looks = await a_token(served, "wali", Role.READ_ONLY)
    _, sari = await a_token(served, "1001", Role.OPERATOR)
    status, answer = await asked(served, looks, "POST", "/api/incidents", description="Banjir")
    assert status == 403
    assert answer["error"] == "This needs the role operator, and wali has the role read_only."
    assert (await asked(served, looks, "GET", "/api/status"))[0] == 200
    assert (await asked(served, looks, "GET", "/api/tokens"))[0] == 403
    made = ("POST", "/api/people", {"id": "x", "name": "X", "role": "administrator"})
    assert (await asked(served, sari, made[0], made[1], **made[2]))[0] == 403
    assert "x" not in served.engine.people.by_id
    await served.post("/api/operators", id="1001", name="Sari", pin="654321")
    await served.post("/api/operators", id="1002", name="Dewi", pin="654321")
    own, others = (f"/api/operators/{id}/logout" for id in ("1001", "1002"))
    assert (await asked(served, sari, "POST", own))[0] == 409, "logged out already"
    assert (await asked(served, sari, "POST", others))[0] == 403
    assert (await asked(served, sari, "GET", "/api/nothing"))[0] == 404


async def test_who_did_it_is_whose_token_it_is(served: ServedEngine) -> None:
    _, sari = await a_token(served, "sari", Role.OPERATOR)
    status, incident = await asked(
        served, sari, "POST", "/api/incidents", description="Banjir", by="wali"
    )
    assert status == 201
    status, found = await asked(served, sari, "GET", f"/api/incidents/{incident['id']}")
    assert status == 200 and {one["by"] for one in found["entries"]} == {"sari"}
    await served.journal.recorder.flushed()
    looks = await rows_of(served.database, AccessTrailRow)
    assert ("sari", "api") in {(one["who"], one["source"]) for one in looks}


async def test_a_token_counts_until_it_is_revoked_or_its_person_ends(served: ServedEngine) -> None:
    token, sari = await a_token(served, "sari", Role.OPERATOR)
    _, dewi = await a_token(served, "dewi", Role.OPERATOR)
    for secret in (sari, dewi):
        assert (await asked(served, secret, "GET", "/api/status"))[0] == 200
    assert (await served.delete(f"/api/tokens/{token}"))["state"] == "revoked"
    status, answer = await asked(served, sari, "GET", "/api/status")
    assert (status, "was revoked" in answer["error"]) == (401, True)
    await served.put("/api/people/dewi", ended=True)
    assert (await asked(served, dewi, "GET", "/api/status"))[0] == 401
    await served.put("/api/people/dewi", ended=False, role="administrator")
    assert (await asked(served, dewi, "GET", "/api/people"))[0] == 200
    people = (await served.get("/api/people"))["people"]
    assert [(one["id"], one["role"]) for one in people] == [
        ("dewi", "administrator"),
        ("sari", "operator"),
    ]
    for refused, path, body in (
        (404, "/api/tokens", {"person": "nobody"}),
        (409, "/api/people", {"id": "sari", "name": "Sari", "role": "operator"}),
        (400, "/api/people", {"id": "sari", "name": "Sari", "role": "king"}),
        (400, "/api/people", {"id": "Sari!", "name": "Sari", "role": "operator"}),
        (400, "/api/tokens", {"person": "sari", "days": 0}),
    ):
        assert (await served.refusal("post", path, **body))[0] == refused
    assert (await served.refusal("delete", "/api/tokens/x"))[0] == 404


async def test_a_use_is_noted_to_a_day_and_no_secret_is_kept_or_logged(
    served: ServedEngine, capfd: pytest.CaptureFixture[str]
) -> None:
    token, secret = await a_token(served, "sari", Role.OPERATOR)
    for _ in range(3):
        assert (await asked(served, secret, "GET", "/api/status"))[0] == 200

    async def noted() -> bool:
        (row,) = await rows_of(served.database, TokenRow)
        return row["used_at"] is not None

    await eventually(noted, what="the use is noted")
    (listed,) = (await served.get("/api/tokens"))["tokens"]
    assert listed["id"] == token and listed["used_at"] is not None and "digest" not in listed
    await served.journal.recorder.flushed()
    wrong = "n112_wrong"
    assert (await served.raw("GET", "/api/status", token=wrong))[0] == 401
    logged = "".join(capfd.readouterr())
    assert "event=" in logged and secret not in logged and wrong not in logged
    kept = [one for one in served.settings.home.rglob("*") if one.is_file()]
    assert kept and not [one for one in kept if secret.encode() in one.read_bytes()]


async def test_the_next_engine_knows_them_without_the_database(served: ServedEngine) -> None:
    token, _ = await a_token(served, "sari", Role.OPERATOR)
    await served.delete(f"/api/tokens/{token}")
    await served.journal.recorder.flushed()
    local = served.journal.recorder.local
    local.close()
    again = WriteAheadLog(local.folder)
    known = known_by(again.kept).people
    again.close()
    assert [one.id for one in known.people] == ["sari"]
    assert [(one.id, one.revoked_at is not None) for one in known.tokens] == [(token, True)]
    assert known == await load_people(served.database)


async def test_who_shows_wrong_tokens_again_and_again_is_made_to_wait(
    served: ServedEngine,
) -> None:
    _, secret = await a_token(served, "sari", Role.OPERATOR)

    def guess() -> list[tuple[int, str | None]]:
        found = []
        connection = http.client.HTTPConnection("127.0.0.1", served.settings.api_port, timeout=20)
        for _ in range(WRONG_TOKENS + 2):
            connection.request("GET", "/api/status", headers={"Authorization": "Bearer n112_x"})
            answer = connection.getresponse()
            answer.read()
            found.append((answer.status, answer.headers["Retry-After"]))
        connection.close()
        return found

    assert await served.at_a_client(guess) == [(401, None)] * WRONG_TOKENS + [(429, "60")] * 2
    assert (await asked(served, secret, "GET", "/api/status"))[0] == 200
    assert (await served.get("/api/status"))["engine"]["database"], "the line's own token too"
    for token in ("a" * 7000, "x y"):
        assert (await served.raw("GET", "/api/status", token=token))[0] == 429
    status, _ = await served.raw("GET", "/api/status", token="a" * 20_000)
    assert status == 400, "longer than any header"


async def test_the_command_line_makes_tokens_and_uses_one(
    served: ServedEngine, tmp_path: Path
) -> None:
    settings = served.settings
    ran = await run(settings, "person", "add", "sari", "--name", "Sari", "--role", "read_only")
    assert ran == (0, "Person sari (Sari, read_only) is added.\n", "")
    ran = await run(settings, "token", "create", "sari", "--note", "wall")
    assert ran.code == 0 and ran.out.count("\n") == 1 and "valid until" in ran.err
    secret = ran.out.strip()
    assert secret not in ran.err and secret.startswith("n112_")
    file = tmp_path / "token"
    file.write_text(f"{secret}\n")
    file.chmod(0o640)
    mine = {"NGALAM112_TOKEN_FILE": str(file)}
    failed_in_one_line(await run(settings, "status", **mine), "Others can read", "chmod 600")
    file.chmod(0o600)
    assert (await run(settings, "status", **mine)).code == 0
    failed_in_one_line(await run(settings, "token", "list", **mine), "needs the role administrator")
    assert (await run(settings, "status", NGALAM112_TOKEN=secret)).code == 0
    wrong = await run(settings, "status", NGALAM112_TOKEN="n112_x")
    failed_in_one_line(wrong, "Authorization: Bearer TOKEN")
    assert (await run(settings, "person", "set", "sari", "--role", "administrator")).code == 0
    ran = await run(settings, "token", "list", "-f", "json", **mine)
    (listed,) = json.loads(ran.out)
    assert (listed["person"], listed["note"], listed["state"]) == ("sari", "wall", "valid")
    ran = await run(settings, "token", "revoke", listed["id"])
    assert ran.out == f"Token {listed['id']} of sari is revoked.\n"
    failed_in_one_line(await run(settings, "status", **mine), "was revoked")
    assert (await run(settings, "person", "end", "sari")).out.endswith("has ended.\n")
    assert "sari" in (await run(settings, "person", "list")).out


async def test_without_an_engine_people_are_kept_in_the_database(tmp_path: Path) -> None:
    settings = line_settings(tmp_path / "line")
    ran = await run(settings, "person", "add", "sari", "--name", "Sari", "--role", "operator")
    assert ran.code == 0 and "kept in the database" in ran.err
    ran = await run(settings, "token", "create", "sari", "-f", "json")
    made = json.loads(ran.out)
    ran = await run(settings, "token", "revoke", made["id"])
    assert ran.code == 0 and "is revoked" in ran.out
    async with Database(settings.url) as database:
        kept = await load_people(database)
    assert kept.tokens[0].revoked_at is not None and made["secret"] not in repr(kept)


async def test_both_databases_keep_people_and_tokens(database: Database) -> None:
    await add_person(database, "sari", "Sari", Role.OPERATOR, NOON)
    _, token, _ = await add_token(database, "sari", 1, "", NOON)
    kept = await change_person(database, "sari", PersonChange(role=Role.SUPERVISOR), NOON + 1)
    assert kept == await load_people(database) and kept.tokens == [token]
    later = NOON + 40 * 86_400
    kept, fresh, _ = await add_token(database, "sari", 90, "", later)
    assert kept.tokens == [fresh], "what ended a month ago is gone"
    assert kept == await load_people(database)
