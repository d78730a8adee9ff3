"""The menu and the distribution file: read, checked against each other, and made into rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from acd.config_file import Distribution, DistributionError, load_distribution
from acd.feature_codes.code_calls import PROMPTS
from acd.numbers.outbound import Barred
from acd.numbers.withheld import Withheld
from acd.queueing.announcements import IN_LINE
from acd.queueing.announcements import PROMPTS as ANNOUNCED
from acd.rules.load_shedding import Limits
from acd.rules.rules import FAILURES, LABELS, Announce, Rules
from acd.transfers.directory import Directory
from acd.transfers.transfers import PROMPTS as TRANSFER_PROMPTS
from ivr.menu import MenuError, MenuTree, load_menu
from ngalam112.config.settings import SHIPPED_PROMPTS, Settings
from ngalam112.config.sounds import Sound, build_sounds, seconds_of
from pbx.programs import Programs

OWN_PROMPTS = frozenset({*PROMPTS, *ANNOUNCED, *TRANSFER_PROMPTS})
"""What the line says itself, whatever its menu and its distribution file are."""


NO_AUDIO = "There is no audio for"
"""So begins the message of an error of the menu or the distribution file that only lacks audio."""


def spoken(settings: Settings, tree: MenuTree) -> set[str]:
    """The names of all prompts that the line can play, but for those of the distribution file."""
    names = tree.prompts() | OWN_PROMPTS
    if settings.whisper:
        names |= {f"whisper_{category}" for category in tree.categories}
    return names


def build_prompts(
    settings: Settings,
    programs: Programs,
    report: Callable[[Sound], object] = lambda sound: None,
) -> list[Sound]:
    """Make the audio of the line's prompts; raises SoundError.

    A folder of one's own may lack what a new version says itself: the shipped text is spoken then.
    """
    return build_sounds(
        settings.prompts,
        settings.sounds,
        programs,
        report,
        shipped=SHIPPED_PROMPTS,
        needed=OWN_PROMPTS,
    )


class RoutingConfig(msgspec.Struct, frozen=True):
    """The two files by which the line decides, checked."""

    menu: MenuTree
    distribution: Distribution


def load_routing(settings: Settings) -> RoutingConfig:
    """Load and check both files; raises MenuError or DistributionError."""
    return RoutingConfig(load_checked_menu(settings), load_checked_distribution(settings))


def load_checked_menu(settings: Settings) -> MenuTree:
    """Load the menu and make sure that all audio is there; raise MenuError if not."""
    tree = load_menu(settings.menu_file)
    missing = _without_audio(spoken(settings, tree), settings)
    if missing:
        raise MenuError(_no_audio(missing, settings))
    return tree


def load_checked_distribution(settings: Settings) -> Distribution:
    """Load the distribution file and make sure that all audio is there.

    Raises DistributionError if not.
    """
    found = load_distribution(settings.distribution_file)
    missing = _without_audio(found.prompts(), settings)
    if missing:
        raise DistributionError(_no_audio(missing, settings))
    for problem in _mismatches(found, load_menu(settings.menu_file), settings):
        raise DistributionError(f"{settings.distribution_file} is wrong: {problem}.")
    return found


def _mismatches(found: Distribution, tree: MenuTree, settings: Settings) -> Iterator[str]:
    """Where the distribution file does not fit the menu or the settings."""
    for number, category in found.category_numbers.items():
        if category not in tree.categories:
            yield f"category number {number}: {category!r} is not one of the menu's categories"
    for number, agency in found.agencies.items():
        if agency.needs_carrier and not settings.carrier:
            yield f"agency {number} has a number of digits; set NGALAM112_CARRIER to dial through"
        for address in filter(str.isdigit, filter(None, (agency.number, agency.fallback))):
            barred = found.outbound.dial_string(address, settings.country, settings.number)
            if isinstance(barred, Barred):
                yield (
                    f"agency {number}: {address} may not be dialled: {barred.words}; [outbound] "
                    "says what may, and numbers = [...] in it lists more"
                )


def rules_of(settings: Settings, tree: MenuTree, found: Distribution) -> Rules:
    """The rules of distribution, from the settings and the two files."""
    return Rules(
        ring_timeout_s=settings.ring_timeout_s,
        callback_ring_s=settings.callback_ring_s,
        agency_ring_s=settings.agency_ring_s,
        wrap_up_s=settings.wrap_up_s,
        preferred_s=settings.preferred_s,
        rings=found.rings,
        ring_all_most=found.ring_all_most,
        resource_priority=found.priority.resource,
        callback_head_start_s=found.priority.callback,
        silent_head_start_s=found.priority.silent,
        handed_over_head_start_s=found.priority.handed_over,
        failures={**FAILURES, **found.failures},
        overflow=tuple(found.overflow),
        overflow_again_s=found.overflow_again_s,
        whisper=settings.whisper,
        announce=Announce(
            mode=settings.announce,
            first_s=settings.announce_first_s,
            every_s=settings.announce_every_s,
            text_s=seconds_of(settings.sounds / f"{IN_LINE}.wav"),
            silent=tree.silent_prompts,
        ),
        limits=Limits(
            capacity_cps=settings.capacity_cps,
            capacity_channels=settings.capacity_channels,
            most_cps=settings.most_cps,
            most_channels=settings.most_channels,
            most_music=settings.most_music,
            most_backlog=settings.most_backlog,
        ),
        country=settings.country,
        outbound=found.outbound,
        callbacks=found.callbacks,
        number=settings.number,
        withheld=Withheld(settings.withheld_numbers),
        answers=found.answers,
        labels={**LABELS, **found.labels},
        nuisance=found.nuisance,
        dispositions=found.dispositions,
        categories=tree.categories,
    )


def directory_of(settings: Settings, found: Distribution) -> Directory:
    """The numbers that operators may dial; opening hours are local time."""
    zone = ZoneInfo(settings.timezone)

    def local_minute(now: float) -> int:
        local = datetime.fromtimestamp(now, zone)
        return local.hour * 60 + local.minute

    return Directory(
        agencies=found.agencies,
        categories=found.category_numbers,
        carrier=bool(settings.carrier),
        local_minute=local_minute,
    )


def _without_audio(prompts: Iterable[str], settings: Settings) -> list[str]:
    return [name for name in prompts if not (settings.sounds / f"{name}.wav").is_file()]


def _no_audio(missing: Iterable[str], settings: Settings) -> str:
    names = ", ".join(sorted(set(missing)))
    return f"{NO_AUDIO} {names} in {settings.sounds}; run `ngalam112 sounds build`."
