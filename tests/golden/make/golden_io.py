"""Reading and writing the golden files: compact JSON with numbers that round-trip, and seeded random tensors."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

GOLDEN = Path(__file__).resolve().parent.parent

DTYPE_NAMES = {
    torch.float32: "f32",
    torch.float64: "f64",
    torch.int32: "i32",
    torch.int64: "i64",
    torch.uint8: "u8",
    torch.bool: "bool",
}


def number(value, digits=17):
    """A float to `digits` significant digits (17 round-trip a float64, 9 a float32), an integer where it is one."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    rounded = value if digits >= 17 else float(f"{value:.{digits}g}")
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 2**53 else rounded


def flat(tensor, digits=17):
    """The elements in row-major order; booleans become 0 and 1."""
    return [number(v, digits) for v in tensor.detach().cpu().contiguous().reshape(-1).tolist()]


def packed(tensor, digits=17):
    return {"dtype": DTYPE_NAMES[tensor.dtype], "shape": list(tensor.shape), "data": flat(tensor, digits)}


def write_json(path, value):
    """Compact JSON, one line, refusing NaN and infinities, which JSON cannot hold."""
    path = GOLDEN / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    print(f"{path.relative_to(GOLDEN)}: {path.stat().st_size} bytes")


def quiet_single_thread(seed):
    """One thread and deterministic kernels, so that a rerun on the same versions gives the same bytes."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(seed)


def write_safetensors(path, tensors):
    (GOLDEN / path).parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, GOLDEN / path, metadata={"format": "pt"})
    (GOLDEN / path).chmod(0o644)
    print(f"{path}: {(GOLDEN / path).stat().st_size} bytes")
