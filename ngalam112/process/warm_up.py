"""Does before an engine's turn what would cost time in it: reads the rules, runs in the database.

Nothing of the line is opened. What is wrong with the menu or the distribution file shows here, so
an engine that could not serve never waits to take over from one that does.
"""

from __future__ import annotations

import gc

from models import schema
from models.database import Database
from models.tables import Base
from ngalam112.accounts.admin import load_roster
from ngalam112.accounts.agencies import load_agencies
from ngalam112.config.agencies import agencies_at_first
from ngalam112.config.routing import RoutingConfig, load_routing
from ngalam112.config.settings import Settings
from ngalam112.recovery.snapshot import open_calls


def calm_the_collector() -> None:
    """Let the garbage collector look at young objects less often, and at the program never.

    A line makes hardly any cycles, and lives long: it looked through some hundred thousand objects
    of libraries again and again, holding all calls for as long.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def warm_up(settings: Settings) -> RoutingConfig:
    """Return the rules to serve by; raises what `load_routing` raises.

    The first statements of a process are slow (mappers, dialect): 50 ms that a database in memory
    takes instead of the line's. The line's own driver is loaded, not used.
    """
    await Database(settings.url).engine.dispose()
    database = Database("sqlite://")
    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(schema.revision)
            await connection.run_sync(Base.metadata.create_all)
        await load_roster(database)
        await load_agencies(database)
        await open_calls(database)
    finally:
        await database.engine.dispose()
    routing = load_routing(settings)
    agencies_at_first(settings, routing.distribution)
    return routing
