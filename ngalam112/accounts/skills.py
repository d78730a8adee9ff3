"""Skills and weights of operators as people give them: read from words, and checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from acd.rules.rules import BEST_LEVEL

MOST_WEIGHT = 100

_LANGUAGE = re.compile(r"lang:[a-z]{2,3}")
_SHOWN = 40  # characters of a wrong word that an error repeats


class WrongSkill(ValueError):
    """A skill, its level or a weight cannot be used; the message says what may be given."""


def parse_skills(words: Iterable[str]) -> dict[str, int]:
    """Read skills like `police=9` or `lang:jv=5`; raises WrongSkill for anything else."""
    skills: dict[str, int] = {}
    for word in words:
        name, _, level = word.partition("=")
        if not name or not re.fullmatch("[0-9]{1,3}", level):
            raise WrongSkill(f"Skill {word[:_SHOWN]!r} must look like police=9 or lang:jv=5.")
        if name in skills:
            raise WrongSkill(f"Skill {name[:_SHOWN]!r} is given twice.")
        skills[name] = int(level)
    return skills


def check_skills(skills: Mapping[str, int], categories: Collection[str]) -> None:
    """Raise WrongSkill unless all are categories or languages, with levels from 1 to 9."""
    for name, level in skills.items():
        if name not in categories and not _LANGUAGE.fullmatch(name):
            known = ", ".join(sorted(categories))
            raise WrongSkill(
                f"There is no skill {name[:_SHOWN]!r}; give a category ({known}) or a language "
                "like lang:jv."
            )
        if not 1 <= level <= BEST_LEVEL:
            raise WrongSkill(f"The level of skill {name} must be from 1 to {BEST_LEVEL}.")


def check_weight(weight: int) -> None:
    """Raise WrongSkill unless the weight is from 1 to 100."""
    if not 1 <= weight <= MOST_WEIGHT:
        raise WrongSkill(f"A weight must be from 1 to {MOST_WEIGHT}.")
