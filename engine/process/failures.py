"""What torch and the system report in their own ways, as failures that the engine knows."""

from __future__ import annotations

from engine.errors import OutOfMemoryError, StorageError, SweetspotError, lacks_memory


def recognise(error: Exception, batch_size: int | None = None) -> SweetspotError | None:
    """``error`` as a failure with a cause and a remedy; None when nothing is known of it.

    batch_size: that of the run; None before it is known.
    """
    if isinstance(error, SweetspotError):
        return error
    if lacks_memory(error):
        return OutOfMemoryError("There is not enough memory to train.", _smaller(batch_size))
    if isinstance(error, OSError) and error.errno is not None:
        return StorageError.of(error)
    return None


def _smaller(batch_size: int | None) -> str:
    if batch_size is None or batch_size == 1:
        return "Close other programs, or choose a smaller model."
    return f"Try a smaller batch: --batch-size {batch_size // 2}."
