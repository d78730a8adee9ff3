"""The engine: settings, the composition root, its life cycle, the HTTP API and the command line."""

__version__ = "0.1.0"
