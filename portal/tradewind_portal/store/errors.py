"""What can go wrong with the store, by who must act."""


class StoreError(Exception):
    """Base of the store's errors."""


class FileTakenError(StoreError):
    """Another process owns the file. Wait for it to end, or stop it."""


class SchemaMismatchError(StoreError):
    """The file was written by another version of this code. Run that version, or restore a backup."""


class StoreBusyError(StoreError):
    """Too many writes wait. Try again in a moment; nothing was written."""


class StoreTimeoutError(StoreError):
    """A query took too long and was interrupted."""
