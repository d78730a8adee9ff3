"""The API of categories, `/api/categories`: changes count from the next code, incident, report."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import msgspec
import structlog

from acd.feature_codes.dispositions import UNDO
from incidents.categories import Category
from incidents.category_changes import Change
from incidents.category_rules import MOST_ROWS
from models.database import Database
from ngalam112.accounts.categories import change_categories
from ngalam112.api.bodies import BadBody
from ngalam112.api.category_queries import OfCategories, category_row, listed, shown
from ngalam112.api.queries import Answer
from ngalam112.config.settings import Settings
from ngalam112.engine.engine import Engine

log = structlog.get_logger("api")


class ChangeCategory(Change, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a category is to be from now on; what is not named stays.

    `id`: as in the path, if given. `name`: by language; what is not named stays, an empty one is
    taken out. `retired`: true retires it, false brings it back.
    """


class ChangeCategories(msgspec.Struct, forbid_unknown_fields=True):
    """Categories to be changed or added, all or none."""

    categories: Annotated[list[ChangeCategory], msgspec.Meta(min_length=1, max_length=MOST_ROWS)]


class CategoryRoutes:
    """The handlers; raises what `api` knows how to refuse."""

    def __init__(self, engine: Engine, database: Database, settings: Settings) -> None:
        self._engine, self._database, self._settings = engine, database, settings
        self._taken = {UNDO, *engine.distribution.dispositions}
        self._writing = asyncio.Lock()

    async def list(self, query: OfCategories) -> Answer:
        """The categories as the line uses them."""
        return listed(self._engine.categories, self._settings, query)

    async def show(self, id: str) -> Answer:
        """One of them, retired or not, with what it has of its parents."""
        return shown(self._engine.categories, self._settings, id)

    async def put(self, id: str, body: ChangeCategory) -> Answer:
        """Change a category, or add one; what the body does not name stays as it is."""
        if body.id not in ("", id):
            raise BadBody(f"The body is about category {body.id[:40]!r}, and the path is not.")
        return await self._change_one(msgspec.structs.replace(body, id=id))

    async def put_all(self, body: ChangeCategories) -> Answer:
        """Change or add several, all or none."""
        rows = await self._change(body.categories)
        told = [category_row(rows[one.id], self._settings) for one in body.categories]
        return {"version": self._engine.categories.version, "categories": told}

    async def retire(self, id: str) -> Answer:
        """Retire a category: it is dialled and found no more, and incidents keep it."""
        return await self._change_one(Change(id=id, retired=True))

    async def _change_one(self, change: Change) -> Answer:
        rows = await self._change([change])
        return {"category": category_row(rows[change.id], self._settings)}

    async def _change(self, changes: Sequence[Change]) -> dict[str, Category]:
        """Keep the changes and tell the engine; return all categories by id."""
        engine = self._engine
        async with self._writing:
            now, first = engine.clock.now(), list(engine.categories.own.values())
            found = await change_categories(self._database, first, changes, self._taken, now)
            await engine.do(lambda _: engine.know_categories(found, stored=True))
        log.info("categories_changed", ids=[one.id for one in changes])
        return {one.id: one for one in found}
