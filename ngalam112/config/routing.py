"""The menu and the distribution file: read, checked against each other, and made into rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from acd.agencies.register import Register
from acd.config_file import Distribution, DistributionError, load_distribution
from acd.feature_codes.code_calls import PROMPTS
from acd.feature_codes.dispositions import UNDO
from acd.languages import LANGUAGE, OWN_LANGUAGE, in_language
from acd.numbers.outbound import Barred
from acd.numbers.withheld import Withheld
from acd.queueing.announcements import PROMPTS as ANNOUNCED
from acd.queueing.notices import IN_LINE
from acd.queueing.notices import PROMPTS as NOTICE_PROMPTS
from acd.rules.load_shedding import Limits
from acd.rules.rules import FAILURES, LABELS, Announce, Rules
from acd.texts.ports import PROMPTS as TEXT_PROMPTS
from acd.transfers.directory import Directory
from acd.transfers.talking_on import PROMPTS as TALK_PROMPTS
from acd.transfers.transfers import PROMPTS as TRANSFER_PROMPTS
from incidents.agreed_times import AgreedTimes
from incidents.categories import Categories
from incidents.categories_file import load_categories
from incidents.working_calendar import WorkingCalendar
from incidents.working_days_file import load_working_days
from ivr.agency_calls import PROMPTS as AGENCY_PROMPTS
from ivr.information import PROMPTS as INFORMATION_PROMPTS
from ivr.line_tests import PROMPTS as TEST_PROMPTS
from ivr.menu import MenuError, MenuTree, load_menu
from ivr.number_teller import PROMPTS as NUMBER_PROMPTS
from ivr.spoken_status import PROMPTS as STATUS_PROMPTS
from ivr.status_dialogue import PROMPTS as ASKING_PROMPTS
from ngalam112.config.agencies import agencies_at_first
from ngalam112.config.settings import SHIPPED_PROMPTS, Settings
from ngalam112.config.sounds import Sound, build_sounds, seconds_of
from pbx.programs import Programs

OWN_PROMPTS = frozenset(
    {
        *PROMPTS,
        *ANNOUNCED,
        *TRANSFER_PROMPTS,
        *TALK_PROMPTS,
        *NOTICE_PROMPTS,
        *INFORMATION_PROMPTS,
        *TEST_PROMPTS,
        *AGENCY_PROMPTS,
        *TEXT_PROMPTS,
        *NUMBER_PROMPTS,
        *STATUS_PROMPTS,
        *ASKING_PROMPTS,
    }
)
"""What the line says itself, whatever its menu and its distribution file are."""


NO_AUDIO = "There is no audio for"
"""So begins the message of an error of the menu or the distribution file that only lacks audio."""


def spoken(settings: Settings, tree: MenuTree) -> set[str]:
    """The prompts that must be there, but for those of the distribution file.

    Named as the switch knows them: `choose_id`, and `en/choose_en` in another language.
    """
    names = tree.prompts() | OWN_PROMPTS | {in_language(*offer) for offer in tree.offers()}
    if settings.whisper:
        names |= {f"whisper_{category}" for category in tree.categories}
    return names


def audio_file(settings: Settings, prompt: str) -> Path:
    """Where the audio of a prompt is, which may be named like en/menu."""
    language, _, name = prompt.rpartition("/")
    return settings.sounds_of(language or OWN_LANGUAGE) / f"{name}.wav"


def build_prompts(
    settings: Settings,
    programs: Programs,
    report: Callable[[Sound], object] = lambda sound: None,
) -> list[Sound]:
    """Make the audio of the line's prompts; raises SoundError.

    A folder of one's own may lack what a new version says itself: the shipped text is spoken then.
    So it is with other languages, but not for the city's own prompts: a citizen hears those in the
    line's language where the one wanted has none, and never another menu's.
    """
    made = []
    for language in (OWN_LANGUAGE, *other_languages(settings)):
        shipped, prompts = SHIPPED_PROMPTS.parent / language, settings.prompts_of(language)
        has = {path.stem for path in shipped.glob("*.txt")}
        own = language == OWN_LANGUAGE
        out = settings.sounds_of(language)
        spoken_now = build_sounds(
            prompts if own or prompts.is_dir() else None,
            out,
            programs,
            report,
            shipped=shipped,
            needed=OWN_PROMPTS if own else OWN_PROMPTS & has,
            language=language,
        )
        if not own:
            # what has no text any more is heard in the line's language from now on
            for old in {*out.glob("*.wav")} - {sound.path for sound in spoken_now}:
                old.unlink(missing_ok=True)
        made += spoken_now
    return made


def other_languages(settings: Settings) -> list[str]:
    """The languages beside the line's own in which there are texts, shipped or the city's."""
    folders = (SHIPPED_PROMPTS.parent, settings.prompts)
    texts = (one for folder in folders for one in folder.glob("*/*.txt"))
    found = {text.parent.name for text in texts} - {OWN_LANGUAGE}
    return sorted(one for one in found if LANGUAGE.fullmatch(one))


def audio_of_languages(settings: Settings) -> dict[str, frozenset[str]]:
    """The prompts that Asterisk has in each language beside the line's own.

    An Asterisk that runs since before there was a language has neither its music nor its folder.
    """
    rendered = settings.asterisk_home / "etc" / "musiconhold.conf"
    known = rendered.read_text("utf-8") if rendered.is_file() else ""
    return {
        language: frozenset(one.stem for one in settings.sounds_of(language).glob("*.wav"))
        for language in settings.built_languages()
        if f"[queue_{language}]" in known
    }


class RoutingConfig(msgspec.Struct, frozen=True):
    """The files by which the line decides, checked."""

    menu: MenuTree
    distribution: Distribution
    categories: Categories
    working_days: WorkingCalendar

    @property
    def agreed_times(self) -> AgreedTimes:
        """By when something has to be done about complaints."""
        return AgreedTimes(self.distribution.complaints, self.working_days)


def load_agreed_times(settings: Settings) -> AgreedTimes:
    """Load what tells the agreed times alone; raises DistributionError or CalendarError."""
    rules = load_distribution(settings.distribution_file).complaints
    return AgreedTimes(rules, load_working_days(settings.working_days_file))


def load_routing(settings: Settings) -> RoutingConfig:
    """Load and check the files.

    Raises MenuError, DistributionError, CategoriesError or CalendarError.
    """
    distribution = load_checked_distribution(settings)
    taken = {UNDO, *distribution.dispositions}
    return RoutingConfig(
        load_checked_menu(settings),
        distribution,
        load_categories(settings.categories_file, taken),
        load_working_days(settings.working_days_file),
    )


def load_checked_menu(settings: Settings) -> MenuTree:
    """Load the menu and make sure that all audio is there; raise MenuError if not."""
    tree = load_menu(settings.menu_file, settings.timezone)
    missing = _without_audio(spoken(settings, tree), settings)
    if missing:
        raise MenuError(_no_audio(missing, settings))
    for problem in _too_long(tree, settings):
        raise MenuError(f"The menu file {settings.menu_file} is wrong: {problem}.")
    return tree


def without_text(settings: Settings, tree: MenuTree) -> list[Path]:
    """The texts of prompts of the menu that nobody has written, so that no audio can be made."""
    ours = spoken(settings, tree) - OWN_PROMPTS
    files = []
    for prompt in sorted(ours):
        language, _, name = prompt.rpartition("/")
        files.append(settings.prompts_of(language or OWN_LANGUAGE) / f"{name}.txt")
    return [one for one in files if not one.is_file()]


def seconds_of_menu(tree: MenuTree, name: str, language: str, settings: Settings) -> float:
    """How long the words of a menu take in a language, with the offers of the other ones."""
    menu = tree.menus[name]
    words = [(menu.prompt, language), *menu.offers(language)]
    return sum(_seconds(prompt, one, settings) for prompt, one in words)


def _seconds(prompt: str, language: str, settings: Settings) -> float:
    """How long a prompt takes, in the line's own language where there is none in this one."""
    own = settings.sounds / f"{prompt}.wav"
    return seconds_of(settings.sounds_of(language) / f"{prompt}.wav") or seconds_of(own)


def _too_long(tree: MenuTree, settings: Settings) -> Iterator[str]:
    """Where the first menu cannot be heard to its end, because its time is over before."""
    for language in sorted(tree.languages()):
        takes = seconds_of_menu(tree, tree.start, language, settings)
        if takes > tree.limit_s:
            yield (
                f"menu {tree.start} takes {takes:.1f} s in {language} with its offers, longer than "
                f"limit_s = {tree.limit_s:g}"
            )


def load_checked_distribution(settings: Settings) -> Distribution:
    """Load the distribution file and make sure that all audio is there.

    Raises DistributionError if not.
    """
    found = load_distribution(settings.distribution_file)
    missing = _without_audio(found.prompts(), settings)
    if missing:
        raise DistributionError(_no_audio(missing, settings))
    for problem in mismatches(found, load_menu(settings.menu_file, settings.timezone), settings):
        raise DistributionError(f"{settings.distribution_file} is wrong: {problem}.")
    return found


def mismatches(found: Distribution, tree: MenuTree, settings: Settings) -> Iterator[str]:
    """Where the distribution file does not fit the menu or the settings."""
    for number, category in found.category_numbers.items():
        if category not in tree.categories:
            yield f"category number {number}: {category!r} is not one of the menu's categories"
    for number, agency in found.agencies.items():
        digits = [one for one in (agency.number, agency.fallback) if one and one.isdigit()]
        if digits and not settings.carrier:
            yield f"agency {number} has a number of digits; set NGALAM112_CARRIER to dial through"
        for address in digits:
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
        language_s=found.language_s,
        ring_all_most=found.ring_all_most,
        resource_priority=found.priority.resource,
        callback_head_start_s=found.priority.callback,
        silent_head_start_s=found.priority.silent,
        handed_over_head_start_s=found.priority.handed_over,
        failures={**FAILURES, **found.failures},
        overflow=tuple(found.overflow),
        overflow_again_s=found.overflow_again_s,
        whisper=settings.whisper,
        phone_silence_s=settings.phone_silence_s,
        announce=Announce(
            mode=settings.announce,
            first_s=settings.announce_first_s,
            every_s=settings.announce_every_s,
            text_s=seconds_of(settings.sounds / f"{IN_LINE}.wav"),
            silent=tree.silent_prompts(),
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
        desk_url=settings.desk_url,
        withheld=Withheld(settings.withheld_numbers),
        answers=found.answers,
        labels={**LABELS, **found.labels},
        nuisance=found.nuisance,
        caller_limits=found.limits,
        dispositions=found.dispositions,
        incidents=found.incidents,
        categories=tree.categories,
    )


def directory_of(settings: Settings, found: Distribution) -> Directory:
    """The numbers that operators may dial; opening hours are local time.

    The agencies are those of a line that has no rows yet, until the engine knows better.
    """
    zone = ZoneInfo(settings.timezone)

    def local_minute(now: float) -> int:
        local = datetime.fromtimestamp(now, zone)
        return local.hour * 60 + local.minute

    return Directory(
        agencies=Register(agencies_at_first(settings, found)),
        categories=found.category_numbers,
        carrier=bool(settings.carrier),
        local_minute=local_minute,
    )


def _without_audio(prompts: Iterable[str], settings: Settings) -> list[str]:
    return [name for name in prompts if not audio_file(settings, name).is_file()]


def _no_audio(missing: Iterable[str], settings: Settings) -> str:
    names = ", ".join(sorted(set(missing)))
    return f"{NO_AUDIO} {names} in {settings.sounds}; run `ngalam112 sounds build`."
