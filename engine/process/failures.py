"""What torch and the system report in their own ways, as failures that the engine knows."""

from __future__ import annotations

import errno

from engine.errors import OutOfMemoryError, StorageError, SweetspotError


def recognise(error: Exception) -> SweetspotError | None:
    """``error`` as a failure with a cause and a remedy; None when nothing is known of it."""
    if isinstance(error, SweetspotError):
        return error
    if _lacks_memory(error):
        return OutOfMemoryError("There is not enough memory to train.", "Try a smaller batch: --batch-size 8, then 4.")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return StorageError.of(error)
    if isinstance(error, OSError) and error.errno is not None:
        return StorageError(f"The disk refused: {error.strerror}.", "Free some space or check the folder's rights.")
    return None


def _lacks_memory(error: Exception) -> bool:
    import torch

    text = str(error).lower()
    said = "not enough memory" in text or "can't allocate" in text
    return said or isinstance(error, MemoryError | torch.OutOfMemoryError)
