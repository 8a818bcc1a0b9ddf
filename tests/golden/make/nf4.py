"""bitsandbytes' NF4 quantisation on a CPU: blocks of 64, absmax scales, and the scales themselves quantised to 8 bits.

Writes nf4/nf4.safetensors: `<case>.input`, `.packed`, `.absmax`, `.values` (dequantised) and, with double quantisation,
`.codes`, `.absmax2`, `.offset`, `.scales` (dequantised absmax) and `.values2`; the 8-bit map as `map`, and 8-bit
quantisation of its own blocks as `<case>.input`, `.codes`, `.absmax`, `.values`. nf4/nf4.json: the cases, and PyTorch's
float32 means of `ramp(n)`. One thread, since PyTorch sums more than 32,768 values in an order that depends on the number of
threads.

Tensors are dequantised flattened. bitsandbytes 0.50.2 quantises blocks of the flattened tensor, and so do its generic
dequantiser and its GPUs, but its AVX-512 kernel takes the wrong scale for most rows of a matrix whose width is a
multiple of 32 and not of 64 (mean error 0.18 instead of 0.073 on a normal [24, 96]).
"""

import bitsandbytes
import bitsandbytes.functional as F
import torch
from bitsandbytes.functional import create_dynamic_map, dequantize_4bit, quantize_4bit

from golden_io import number, quiet_single_thread, write_json, write_safetensors

BLOCK = 64


def between_levels():
    """Every level, every middle of two levels and their neighbours in float32, in blocks whose largest value is 1."""
    levels = F.get_4bit_type("nf4", device="cpu")
    middles = (levels[1:] + levels[:-1]) / 2
    places = torch.cat([levels, middles])
    near = torch.cat([
        places,
        torch.nextafter(places, torch.full_like(places, 2.0)),
        torch.nextafter(places, torch.full_like(places, -2.0)),
    ]).clamp(-1, 1)  # fmt: skip
    rows = near.split(BLOCK - 1)
    return torch.cat(
        [torch.nn.functional.pad(torch.cat([torch.ones(1), row]), (0, BLOCK - 1 - len(row))) for row in rows]
    )


def inputs():
    zeros = torch.randn(4, BLOCK)
    zeros[1] = 0
    zeros[3] = 0
    return {
        "normal": torch.randn(24, 96),
        "uniform": torch.rand(16, 64) * 2 - 1,
        "weights": torch.randn(96, 40) * 0.02,
        "zero-blocks": zeros,
        "all-zero": torch.zeros(2, BLOCK),
        "between-levels": between_levels(),
        "between-levels-scaled": between_levels() * 0.37,
        "mixed-magnitudes": torch.randn(32, BLOCK) * torch.logspace(-30, 30, 32).unsqueeze(1),
        "huge": torch.randn(3, BLOCK) * 1e37,
        "tiny": torch.randn(3, BLOCK) * 1e-37,
        "subnormal": torch.randn(3, BLOCK) * 1e-40,
        "half-block": torch.randn(3, 32),
        "ragged": torch.randn(5, 37),
        "odd": torch.randn(131),
        "odd-tail-of-zeros": torch.cat([torch.randn(BLOCK), torch.zeros(7)]),
        "one": torch.tensor([-0.3]),
        "minus-zero": torch.cat([-torch.zeros(5), torch.randn(20)]),
        "one-scale": torch.full((300,), 0.25),
        **{f"scales-{blocks}": torch.randn(blocks, BLOCK) * 0.05 for blocks in (5, 7, 8, 13)},
    }  # fmt: skip


def ramp(n):
    """Numbers in [0.5, 1.5) that a test can make again without a file."""
    return torch.tensor([(i * 7919) % 10007 / 10007 + 0.5 for i in range(n)], dtype=torch.float32)


def flattened(packed, state):
    """The values of the state, whatever its shape, as one row."""
    state.shape = torch.Size([state.shape.numel()])
    return dequantize_4bit(packed, state)


def blockwise_inputs():
    return {
        "8bit-normal": torch.randn(3, 256),
        "8bit-spread": torch.randn(2, 256) * torch.exp(torch.randn(2, 256) * 4),
        "8bit-grid": torch.linspace(-1, 1, 2048),
        "8bit-ragged": torch.randn(300),
        "8bit-zeros": torch.zeros(256),
        "8bit-subnormal": torch.randn(256) * 1e-40,
        "8bit-huge": torch.randn(256) * 1e37,
    }


if __name__ == "__main__":
    quiet_single_thread(64)
    tensors = {"map": create_dynamic_map()}
    for name, x in inputs().items():
        packed, state = quantize_4bit(x, quant_type="nf4", blocksize=BLOCK, compress_statistics=False)
        tensors |= {f"{name}.input": x, f"{name}.packed": packed.reshape(-1), f"{name}.absmax": state.absmax}
        tensors[f"{name}.values"] = flattened(packed, state)
        again, state = quantize_4bit(x, quant_type="nf4", blocksize=BLOCK, compress_statistics=True)
        assert torch.equal(again, packed) and torch.equal(state.state2.code, create_dynamic_map())
        scales = F.dequantize_blockwise(state.absmax, state.state2) + state.offset
        tensors |= {
            f"{name}.codes": state.absmax,
            f"{name}.absmax2": state.state2.absmax,
            f"{name}.offset": state.offset.reshape(1),
            f"{name}.scales": scales,
            f"{name}.values2": flattened(again, state),
        }
    for name, x in blockwise_inputs().items():
        codes, state = F.quantize_blockwise(x, blocksize=256)
        tensors |= {f"{name}.input": x, f"{name}.codes": codes, f"{name}.absmax": state.absmax}
        tensors[f"{name}.values"] = F.dequantize_blockwise(codes, state)
    write_safetensors("nf4/nf4.safetensors", tensors)
    write_json(
        "nf4/nf4.json",
        {
            "bitsandbytes": bitsandbytes.__version__,
            "torch": torch.__version__,
            "cases": list(inputs()),
            "blockwise": list(blockwise_inputs()),
            "means": [[n, number(ramp(n).mean().item())] for n in (*range(1, 12), 31, 33, 300, 4096, 20000, 32767)],
        },
    )
