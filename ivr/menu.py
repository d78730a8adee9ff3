"""The voice menu as data: read from TOML and checked before anybody hears it."""

from __future__ import annotations

import re
import tomllib
from functools import cached_property
from pathlib import Path

import msgspec

from acd.languages import LANGUAGE, OWN_LANGUAGE, in_language
from acd.queueing.announcements import SILENT
from acd.queueing.strategies import STRATEGIES
from acd.rules.rules import LONGEST_CAP_S, LONGEST_HEAD_START_S, Category, ring_problems
from ivr.information import Information, InformationKeys, Piece, read_information

LONGEST_MENU_S = 12.0
LONGEST_WRAP_UP_S = 3600.0
KEYS = "0123456789*#"

_NAME = re.compile(r"[a-z0-9_]{1,64}")


class MenuError(Exception):
    """The menu file cannot be used; the message says where it is wrong.

    `problems`: all that is wrong with it, a clause each; empty if the file cannot be read at all.
    """

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a key leads: to another menu, to a category (after information, if any), or to the same
    menu in another language.

    `status`: before the category, the citizen may ask for a complaint by its number.
    `offer`: the prompt, in that language, that is said behind a menu's own to who has not chosen
    one.
    """

    menu: str | None = None
    category: str | None = None
    information: str | None = None
    language: str | None = None
    offer: str | None = None
    status: bool = False


class Menu(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question to the citizen. `silence_s` counts from the end of the prompt."""

    prompt: str
    retry_prompt: str
    category: str
    keys: dict[str, Key]
    tries: int = 2
    silence_s: float = 2.0

    def offers(self, language: str) -> list[tuple[str, str]]:
        """The other languages that a key of this menu chooses: the offer's prompt, the language."""
        return [
            (key.offer, key.language)
            for key in self.keys.values()
            if key.offer is not None and key.language is not None and key.language != language
        ]


class MenuTree(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """All menus, the first one, the time for all of them together, and the categories.

    `silent_prompt`: by which who pressed nothing and was not heard is asked to press a key, while
    they wait; "": nobody is. `information`: the lines of recorded information, by name.
    `information_keys`: what a key does while one is heard.
    """

    start: str
    menus: dict[str, Menu]
    categories: dict[str, Category]
    limit_s: float = 11.5
    silent_prompt: str = SILENT
    information: dict[str, Information] = {}
    information_keys: InformationKeys = InformationKeys()

    def prompts(self) -> set[str]:
        """The names of all prompts that can be played, but for the offers of languages."""
        found = {self.silent_prompt}
        for menu in self.menus.values():
            found |= {menu.prompt, menu.retry_prompt}
            for key in menu.keys.values():
                if key.information is not None:
                    found |= self.information_of(key.information).prompts()
                    found |= {self.information_keys.prompt, self.information_keys.end_prompt}
        return found - {""}

    @cached_property
    def questions(self) -> dict[tuple[str, str, bool], tuple[str, ...]]:
        """What is played for a menu in a language, with the offers of other ones or without."""
        return {
            (name, language, offered): tuple(
                in_language(*one)
                for one in [(menu.prompt, language), *(menu.offers(language) if offered else [])]
            )
            for name, menu in self.menus.items()
            for language in self.languages()
            for offered in (False, True)
        }

    def offers(self) -> set[tuple[str, str]]:
        """The prompts that offer languages, each with its language."""
        return {offer for menu in self.menus.values() for offer in menu.offers("")}

    def languages(self) -> list[str]:
        """The languages that a citizen can have: the line's own, and those that a key chooses."""
        keys = (key for menu in self.menus.values() for key in menu.keys.values())
        chosen = (key.language for key in keys if key.language is not None)
        return list(dict.fromkeys((OWN_LANGUAGE, *chosen)))

    def silent_prompts(self) -> tuple[str, ...]:
        """What is said to who is silent and may understand each of the languages."""
        if not self.silent_prompt:
            return ()
        return tuple(in_language(self.silent_prompt, one) for one in self.languages())

    def information_of(self, name: str) -> Information:
        """The information of this name; a prompt's name is information of that one piece."""
        return self.information.get(name) or Information(pieces=(Piece(prompt=name),))


def load_menu(path: Path, timezone: str = "Asia/Jakarta") -> MenuTree:
    """Read and check the menu file; raise MenuError with one sentence if it cannot be used.

    `timezone`: of the days and times in it that have none.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
        listed = raw.pop("information", {})
        tree = msgspec.convert(raw, MenuTree)
    except OSError as error:
        raise MenuError(f"The menu file {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise MenuError(f"The menu file {path} is wrong: {error}.") from None
    except RecursionError:
        raise MenuError(f"The menu file {path} is wrong: it is nested too deeply.") from None
    information, problems = read_information(listed, timezone)
    tree = msgspec.structs.replace(tree, information=information)
    problems += _problems(tree)
    for problem in problems:
        raise MenuError(f"The menu file {path} is wrong: {problem}.", tuple(problems))
    return tree


def _problems(tree: MenuTree) -> list[str]:
    found = []
    if tree.start not in tree.menus:
        found.append(f"start = {tree.start!r} is not one of the menus")
    if not 1 <= tree.limit_s <= LONGEST_MENU_S:
        found.append(f"limit_s = {tree.limit_s} must be between 1 and {LONGEST_MENU_S:g}")
    if not tree.categories:
        found.append("there are no categories")
    for name, category in tree.categories.items():
        found += _category_problems(name, category)
    for name, menu in tree.menus.items():
        found += _menu_problems(tree, name, menu)
    found += tree.information_keys.problems()
    if tree.silent_prompt and not _NAME.fullmatch(tree.silent_prompt):
        found.append(f"silent_prompt {tree.silent_prompt[:64]!r} must be a-z, 0-9 and _ only")
    return found


def _category_problems(name: str, category: Category) -> list[str]:
    found = []
    if category.strategy not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        found.append(f"category {name}: strategy {category.strategy!r} is none of {known}")
    if not 0 <= category.head_start_s <= LONGEST_HEAD_START_S:
        limit = f"{LONGEST_HEAD_START_S:g}"
        found.append(f"category {name}: head_start_s must be between 0 and {limit}")
    if category.wrap_up_s is not None and not 0 <= category.wrap_up_s <= LONGEST_WRAP_UP_S:
        limit = f"{LONGEST_WRAP_UP_S:g}"
        found.append(f"category {name}: wrap_up_s must be between 0 and {limit}")
    if not 1 <= category.cap_s <= LONGEST_CAP_S:
        found.append(f"category {name}: cap_s must be between 1 and {LONGEST_CAP_S:g}")
    if category.rings is not None:
        found += [f"category {name}: {problem}" for problem in ring_problems(category.rings)]
    return found


def _menu_problems(tree: MenuTree, name: str, menu: Menu) -> list[str]:
    found = []
    if menu.category not in tree.categories:
        found.append(f"menu {name}: category {menu.category!r} is not one of the categories")
    if menu.tries < 1 or not menu.silence_s > 0:  # nan is not above 0 either
        found.append(f"menu {name}: tries must be at least 1 and silence_s above 0")
    if not menu.keys:
        found.append(f"menu {name}: it has no keys")
    for prompt in (menu.prompt, menu.retry_prompt):
        if not _NAME.fullmatch(prompt):
            found.append(f"menu {name}: the prompt {prompt[:64]!r} must be a-z, 0-9 and _ only")
    for digit, key in menu.keys.items():
        where = f"menu {name}, key {digit}"
        if len(digit) != 1 or digit not in KEYS:
            found.append(f"{where}: a key is one of 0 to 9, * or #")
        found += [f"{where}: {problem}" for problem in _key_problems(tree, key)]
    return found


def _key_problems(tree: MenuTree, key: Key) -> list[str]:
    found = []
    leads = [one for one in (key.menu, key.category, key.language) if one is not None]
    if len(leads) != 1:
        found.append("it must lead either to a menu, to a category or to a language")
    if key.menu is not None and key.menu not in tree.menus:
        found.append(f"there is no menu {key.menu!r}")
    if key.information is not None and key.category is None:
        found.append("information goes with a category, not with a menu or a language")
    if key.status and (key.category is None or key.information is not None):
        found.append("status goes with a category, and not with information")
    if key.information is not None and not _NAME.fullmatch(key.information):
        found.append(f"information {key.information[:64]!r} must be a-z, 0-9 and _ only")
    if key.category is not None and key.category not in tree.categories:
        found.append(f"{key.category!r} is not one of the categories")
    if key.language is not None and not LANGUAGE.fullmatch(key.language):
        found.append(f"language {key.language[:64]!r} must be two or three small letters, like jv")
    if key.offer is not None and key.language is None:
        found.append("an offer goes with a language")
    if key.offer is not None and not _NAME.fullmatch(key.offer):
        found.append(f"the offer {key.offer[:64]!r} must be a-z, 0-9 and _ only")
    return found


def menu_problems(path: Path, timezone: str = "Asia/Jakarta") -> list[str]:
    """All that is wrong with a menu file, a sentence each."""
    try:
        load_menu(path, timezone)
    except MenuError as error:
        return [f"{path}: {one}." for one in error.problems] or [str(error)]
    return []
