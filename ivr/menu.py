"""The voice menu as data: read from TOML and checked before anybody hears it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from acd.queueing.announcements import SILENT
from acd.queueing.strategies import STRATEGIES
from acd.rules.rules import LONGEST_CAP_S, LONGEST_HEAD_START_S, Category, ring_problems

LONGEST_MENU_S = 12.0
LONGEST_WRAP_UP_S = 3600.0


class MenuError(Exception):
    """The menu file cannot be used; the message says where it is wrong."""


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a key leads: to another menu, or to a category (after recorded information, if any)."""

    menu: str | None = None
    category: str | None = None
    information: str | None = None


class Menu(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question to the citizen. `silence_s` counts from the end of the prompt."""

    prompt: str
    retry_prompt: str
    category: str
    keys: dict[str, Key]
    tries: int = 2
    silence_s: float = 2.0


class MenuTree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All menus, the first one, the time for all of them together, and the categories.

    `silent_prompts`: by which who pressed nothing and was not heard is asked to press a key, one
    for each language; said to who waits then.
    """

    start: str
    menus: dict[str, Menu]
    categories: dict[str, Category]
    limit_s: float = 11.5
    silent_prompts: tuple[str, ...] = (SILENT,)

    def prompts(self) -> set[str]:
        """The names of all prompts that can be played."""
        found = set(self.silent_prompts)
        for menu in self.menus.values():
            found |= {menu.prompt, menu.retry_prompt}
            found |= {key.information for key in menu.keys.values() if key.information}
        return found


def load_menu(path: Path) -> MenuTree:
    """Read and check the menu file; raise MenuError with one sentence if it cannot be used."""
    try:
        tree = msgspec.convert(tomllib.loads(path.read_text("utf-8")), MenuTree)
    except OSError as error:
        raise MenuError(f"The menu file {path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise MenuError(f"The menu file {path} is wrong: {error}.") from None
    except RecursionError:
        raise MenuError(f"The menu file {path} is wrong: it is nested too deeply.") from None
    for problem in _problems(tree):
        raise MenuError(f"The menu file {path} is wrong: {problem}.")
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
    for digit, key in menu.keys.items():
        where = f"menu {name}, key {digit}"
        if len(digit) != 1 or digit not in "0123456789*#":
            found.append(f"{where}: a key is one of 0 to 9, * or #")
        if (key.menu is None) == (key.category is None):
            found.append(f"{where}: it must lead either to a menu or to a category")
        if key.menu is not None and key.menu not in tree.menus:
            found.append(f"{where}: there is no menu {key.menu!r}")
        if key.menu is not None and key.information is not None:
            found.append(f"{where}: information goes with a category, not with a menu")
        if key.category is not None and key.category not in tree.categories:
            found.append(f"{where}: {key.category!r} is not one of the categories")
    return found
