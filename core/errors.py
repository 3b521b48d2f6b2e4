"""The base of the errors that are meant for a person: the command line prints them in one line, without a traceback."""


class GokartError(Exception):
    """Something that the reader of its text can put right."""
