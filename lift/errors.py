"""Errors that are the user's to mend: shown as one message, without a stack trace."""


class InputError(Exception):
    """A file, key or value that cannot be used; the message names it and says what to do."""
