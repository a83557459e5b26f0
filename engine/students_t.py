"""Student's t, for who must not wait for numpy. Source: Student 1908."""

from __future__ import annotations

# Student's t for 2, 3, ... degrees of freedom, one-sided 0.025.
_QUANTILES = (4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
              2.110, 2.101, 2.093, 2.086)  # fmt: skip


def quantile(freedom: int) -> float:
    """Half the width of a 95 % interval in standard errors, by Student's t, for ``freedom`` from 2.

    Beyond the table its last one, which is 0.13 too careful at most.
    """
    return _QUANTILES[min(freedom - 2, len(_QUANTILES) - 1)]
