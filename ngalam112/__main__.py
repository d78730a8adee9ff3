"""`python -m ngalam112` is the command line."""

from ngalam112.cli.app import main

if __name__ == "__main__":
    main()
