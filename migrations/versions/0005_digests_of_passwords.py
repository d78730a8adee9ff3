"""Phones' passwords become digests (`pbx.render.password_digest`)."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_PHONES = sa.table("phones", sa.column("number", sa.String), sa.column("password", sa.String))


def upgrade() -> None:
    """Put the digest where the password was."""
    database = op.get_bind()
    for number, password in database.execute(sa.select(_PHONES.c.number, _PHONES.c.password)).all():
        if password.startswith("MD5:"):
            continue
        text = f"{number}:ngalam112:{password}"
        digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        database.execute(
            _PHONES.update().where(_PHONES.c.number == number).values(password=f"MD5:{digest}")
        )


def downgrade() -> None:
    """Nothing brings the passwords back: phones need new ones with the version before."""
