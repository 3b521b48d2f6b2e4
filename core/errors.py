"""The base of errors that are meant for people: the command line prints them without a traceback."""


class GokartError(Exception):
    """An error that its reader can correct."""
