"""Devices: which one trains, and what it multiplies fast."""

import torch


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device by name; "auto" takes CUDA, then MPS, then the CPU."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        torch.zeros(1, device=device).item()  # the device "meta" makes tensors, but has no numbers in them
        return torch.device(device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        advice = "which this machine does not have; try auto or cpu"
        raise ValueError(f"device is {str(device)!r}, {advice}") from error


def multiplies_bfloat16(device: str | torch.device) -> bool:
    """Whether a device has instructions for bfloat16; one that has none takes many times as long with it."""
    place = torch.device(device)
    if place.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    of_cpu = getattr(torch.cpu, "get_capabilities", dict)  # an older torch lacks it
    known: dict[str, bool] = of_cpu() if place.type == "cpu" else {}
    return any(known.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
