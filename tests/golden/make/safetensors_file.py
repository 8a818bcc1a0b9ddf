"""A small file written by the safetensors reference, with the float32 values its tensors stand for.

Writes safetensors/mixed.safetensors and safetensors/mixed.json. `tensors.<name>` has the dtype as the file names it,
the shape and the values (integers and booleans as they are; floats exactly, as float32 holds them; NaN, infinities
and −0 as strings). `rounding.<dtype>` lists float32 inputs and the bit patterns that rounding to nearest even makes of
them.
"""

import math

import numpy
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from golden_io import GOLDEN, number, quiet_single_thread, write_json

NAMES = {
    torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


def from_bits(bits, dtype):
    carrier = {torch.float32: "<u4", torch.float16: "<u2", torch.bfloat16: "<u2"}[dtype]
    signed = numpy.array(bits, dtype=carrier).view(carrier.replace("u", "i"))
    return torch.from_numpy(signed.copy()).view(dtype)


def bits_of(tensor):
    width = {4: torch.int32, 2: torch.int16}[tensor.element_size()]
    return [v & (2 ** (8 * tensor.element_size()) - 1) for v in tensor.contiguous().view(width).reshape(-1).tolist()]


def spoken(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, float) and value == 0 and math.copysign(1, value) < 0:
        return "-0"
    return number(value)


def tensors():
    half = [0x0000, 0x8000, 0x0001, 0x83FF, 0x03FF, 0x0400, 0x3C00, 0x3C01, 0xC000, 0x3555, 0x7BFF, 0xFBFF, 0x7C00,
            0xFC00, 0x7E00]  # fmt: skip
    brain = [
        0x0000,
        0x8000,
        0x0001,
        0x807F,
        0x0080,
        0x3F80,
        0x3F81,
        0xC000,
        0x3EAB,
        0x7F7F,
        0xFF7F,
        0x7F80,
        0xFF80,
        0x7FC0,
    ]
    single = [0x00000001, 0x807FFFFF, 0x00800000, 0x3F800001, 0x7F7FFFFF, 0xC0490FDB]
    return {
        "f32.matrix": torch.tensor([[1.5, -2.25, 0.1], [3.0, 1e-30, -1e30]], dtype=torch.float32),
        "f32.edges": from_bits(single, torch.float32),
        "f16.edges": from_bits(half, torch.float16),
        "bf16.edges": from_bits(brain, torch.bfloat16),
        "f64.row": torch.tensor([0.1, -1e-300, 2.0**60], dtype=torch.float64),
        "i64.row": torch.tensor([0, -1, 2**40, -(2**52)]),
        "i32.row": torch.tensor([0, -1, 2**31 - 1, -(2**31)], dtype=torch.int32),
        "u8.row": torch.tensor([0, 1, 255], dtype=torch.uint8),
        "bool.row": torch.tensor([True, False, True]),
        "f32.scalar": torch.tensor(0.25),
        "f16.empty": torch.zeros(0, 4, dtype=torch.float16),
    }


def rounding():
    """Halfway cases to even both ways, just past halfway, overflow to infinity, into and below the subnormals, NaN."""
    bits = {
        torch.float16: [
            0x3F801000, 0x3F803000, 0x3F801001, 0x3F800FFF, 0xBF801000, 0x477FEFFF, 0x477FF000, 0x47800000, 0x38800000,
            0x387FC000, 0x387FE000, 0x387FF000, 0x33800000, 0x33000000, 0x33000001, 0x33C00000, 0x00000001, 0x80000000,
            0x7F800000, 0xFF800000, 0x3EAAAAAB, 0x40490FDB, 0xC2F6E979,
        ],
        torch.bfloat16: [
            0x3F808000, 0x3F818000, 0x3F808001, 0x3F807FFF, 0xBF808000, 0x7F7F7FFF, 0x7F7F8000, 0x7F7FFFFF, 0x00800000,
            0x00008000, 0x00008001, 0x00018000, 0x00000001, 0x80000000, 0x7F800000, 0xFF800000, 0x3EAAAAAB, 0x40490FDB,
            0xC2F6E979,
        ],
    }  # fmt: skip
    return {
        NAMES[dtype]: {"f32Bits": patterns, "bits": bits_of(from_bits(patterns, torch.float32).to(dtype))}
        for dtype, patterns in bits.items()
    }


if __name__ == "__main__":
    quiet_single_thread(50)
    path = GOLDEN / "safetensors" / "mixed.safetensors"
    path.parent.mkdir(exist_ok=True)
    save_file(tensors(), path, metadata={"format": "pt", "note": "naïve ≠ ascii"})
    path.chmod(0o644)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        expected = {}
        for name in sorted(file.keys()):
            tensor = file.get_tensor(name)
            values = [spoken(v) for v in (tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor)
                      .reshape(-1).tolist()]  # fmt: skip
            expected[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape), "values": values}
    write_json("safetensors/mixed.json", {"metadata": metadata, "tensors": expected, "rounding": rounding()})
