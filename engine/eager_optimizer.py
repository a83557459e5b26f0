"""torch's optimisers for a process that compiles nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch


def eager(kind: type[torch.optim.Optimizer]) -> Callable[..., torch.optim.Optimizer]:
    """``kind`` with its methods as torch wrote them: the same figures.

    What torch wraps around them imports its compiler at the first call: as much work as ``import torch`` itself.
    """
    wrapped = ("add_param_group", "state_dict", "load_state_dict", "zero_grad")
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in wrapped}
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))  # its wrapper did that as well
    return type(kind.__name__, (kind,), methods)
