"""`python -m ngalam112` is the command line; an engine starts without the other commands.

Whose turn is next waits sooner by a fifth: the commands are a third of a second of imports.
"""

import sys

from ngalam112.process.begin import engine_of, run_engine


def main() -> None:
    """Run an engine, or whatever other command is wanted."""
    name = engine_of(sys.argv[1:])
    if name is None:
        from ngalam112.cli.app import main as run

        run()
    else:
        from ngalam112.cli.one_line import run_command

        run_command(lambda: sys.exit(run_engine(name)))


if __name__ == "__main__":
    main()
