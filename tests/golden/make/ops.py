"""Per-op forward values and vector-Jacobian products in float64, by PyTorch autograd.

Writes ops/ops.json: {"cases": [{op, name, attrs, inputs, output, upstream, grads}]}. `grads[i]` is
d(sum(output * upstream)) / d(inputs[i]), or null for an input that has none (indices, conditions, caches). Inputs are
rounded to three decimals, so they are exact in the file and no case sits on a kink (relu at 0, a tie of max).
"""

import math

import torch
import torch.nn.functional as F
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from golden_io import packed, quiet_single_thread, write_json

cases = []


def rnd(*shape, low=-2.0, high=2.0):
    """Uniform values with three decimals, none closer to zero than 0.05 and no two equal."""
    count = math.prod(shape)
    seen, out = set(), []
    while len(out) < count:
        value = round(float(torch.rand((), dtype=torch.float64)) * (high - low) + low, 3)
        if abs(value) >= 0.05 and value not in seen:
            seen.add(value)
            out.append(value)
    return torch.tensor(out, dtype=torch.float64).reshape(shape)


def pos(*shape):
    return rnd(*shape, low=0.2, high=3.0)


def case(op, name, function, inputs, attrs=None, frozen=()):
    """Runs `function` on `inputs`; every floating input not listed in `frozen` gets a gradient."""
    leaves = [
        x.clone().requires_grad_(True) if x.is_floating_point() and i not in frozen else x for i, x in enumerate(inputs)
    ]
    output = function(*leaves)
    differentiable = [i for i, x in enumerate(leaves) if x.requires_grad]
    grads = [None] * len(inputs)
    upstream = None
    if output.requires_grad:
        upstream = rnd(*output.shape).to(output.dtype)
        found = torch.autograd.grad(output, [leaves[i] for i in differentiable], upstream)
        for i, g in zip(differentiable, found):
            grads[i] = packed(g)
    cases.append(
        {
            "op": op,
            "name": name,
            "attrs": attrs or {},
            "inputs": [packed(x) for x in inputs],
            "output": packed(output),
            "upstream": None if upstream is None else packed(upstream),
            "grads": grads,
        }
    )


def unary():
    plain = {
        "neg": torch.neg, "exp": torch.exp, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu,
        "silu": F.silu, "abs": torch.abs, "erf": torch.erf, "gelu": lambda x: F.gelu(x, approximate="none"),
        "reciprocal": torch.reciprocal,
    }  # fmt: skip
    for op, f in plain.items():
        case(op, "[2,3,4]", f, [rnd(2, 3, 4)])
        case(op, "scalar", f, [rnd()])
    for op, f in {"log": torch.log, "sqrt": torch.sqrt}.items():
        case(op, "[2,3,4]", f, [pos(2, 3, 4)])
        case(op, "scalar", f, [pos()])
    wide = torch.tensor([-40.0, -20.0, -8.0, -3.5, 3.5, 8.0, 20.0, 40.0], dtype=torch.float64)
    for op in ["sigmoid", "tanh", "silu", "erf", "gelu"]:
        case(op, "far from zero", plain[op], [wide])


def binary():
    ops = {
        "add": (torch.add, rnd, rnd), "sub": (torch.sub, rnd, rnd), "mul": (torch.mul, rnd, rnd),
        "div": (torch.div, rnd, rnd), "pow": (torch.pow, pos, rnd), "max": (torch.maximum, rnd, rnd),
        "min": (torch.minimum, rnd, rnd),
    }  # fmt: skip
    shapes = [
        ((2, 3, 4), (2, 3, 4)), ((2, 3, 4), (4,)), ((4,), (2, 3, 4)), ((2, 1, 4), (3, 1)),
        ((2, 3, 4), ()), ((), (2, 3, 4)), ((2, 3, 4), (1, 1, 1)),
    ]  # fmt: skip
    for op, (f, left, right) in ops.items():
        for a, b in shapes:
            case(op, f"{list(a)} with {list(b)}", f, [left(*a), right(*b)])
    square = torch.tensor(2.0, dtype=torch.float64)
    case("pow", "negative base, constant exponent 2", torch.pow, [rnd(2, 3), square], frozen=(1,))
    x = rnd(2, 3)
    case("mul", "both inputs the same values", torch.mul, [x, x.clone()])


def matmul():
    def run(transA, transB):
        return lambda a, b: torch.matmul(a.mT if transA else a, b.mT if transB else b)

    base = [("2-D", (3, 4), (4, 5)), ("batched", (2, 3, 4), (2, 4, 5)), ("broadcast right", (2, 3, 4), (4, 5)),
            ("4-D", (2, 2, 3, 4), (2, 2, 4, 3))]  # fmt: skip
    for name, a, b in base:
        for transA in (False, True):
            for transB in (False, True):
                sa = (*a[:-2], a[-1], a[-2]) if transA else a
                sb = (*b[:-2], b[-1], b[-2]) if transB else b
                attrs = {"transA": transA, "transB": transB}
                label = f"{name}{', A transposed' if transA else ''}{', B transposed' if transB else ''}"
                case("matmul", label, run(transA, transB), [rnd(*sa), rnd(*sb)], attrs)
    off = {"transA": False, "transB": False}
    case("matmul", "broadcast left", run(False, False), [rnd(3, 4), rnd(2, 4, 5)], off)
    case("matmul", "broadcast heads", run(False, False), [rnd(2, 2, 3, 4), rnd(2, 1, 4, 3)], off)
    case("matmul", "broadcast leading 1", run(False, False), [rnd(2, 3, 4), rnd(1, 4, 5)], off)
    case("matmul", "constant right", run(False, False), [rnd(2, 3, 4), rnd(4, 5)], off, frozen=(1,))


def reduce():
    ops = {"reduceSum": torch.sum, "reduceMean": torch.mean, "reduceMax": torch.amax, "reduceMin": torch.amin}
    for op, f in ops.items():
        for axes in [[2], [0], [1], [0, 2], [0, 1, 2], [-1]]:
            for keepdims in (False, True):
                attrs = {"axes": axes, "keepdims": keepdims}
                run = lambda x, axes=axes, keepdims=keepdims: f(x, dim=axes, keepdim=keepdims)
                case(op, f"axes {axes}{' keepdims' if keepdims else ''}", run, [rnd(2, 3, 4)], attrs)


def soft():
    for op, f in {"softmax": F.softmax, "logSoftmax": F.log_softmax}.items():
        run = lambda x: f(x, dim=-1)
        case(op, "[2,3,4]", run, [rnd(2, 3, 4)], {"axis": -1})
        case(op, "[2,2,3,3]", run, [rnd(2, 2, 3, 3)], {"axis": -1})
        case(op, "offset 1000", run, [rnd(3, 4) + 1000], {"axis": -1})
        masked = rnd(3, 4)
        masked[0, 1:] = -1e9
        masked[1, 2:] = -1e9
        case(op, "masked with -1e9", run, [masked], {"axis": -1})


def layout():
    case("reshape", "[2,3,4] to [6,4]", lambda x: x.reshape(6, 4), [rnd(2, 3, 4)], {"shape": [6, 4]})
    case("reshape", "[2,3,4] to [2,3,2,2]", lambda x: x.reshape(2, 3, 2, 2), [rnd(2, 3, 4)], {"shape": [2, 3, 2, 2]})
    case("reshape", "[1,1] to scalar", lambda x: x.reshape(()), [rnd(1, 1)], {"shape": []})
    for shape, perm in [((2, 3), [1, 0]), ((2, 3, 4), [0, 2, 1]), ((2, 3, 4), [2, 0, 1]), ((2, 3, 2, 2), [0, 2, 1, 3])]:
        case("transpose", f"{list(shape)} by {perm}", lambda x, p=perm: x.permute(*p), [rnd(*shape)], {"perm": perm})
    for a, b in [
        ((4,), (2, 3, 4)),
        ((2, 1, 4), (2, 3, 4)),
        ((3, 1), (2, 3, 4)),
        ((), (2, 3)),
        ((1,), (5,)),
        ((2, 3), (2, 3)),
    ]:
        case("expand", f"{list(a)} to {list(b)}", lambda x, b=b: x.expand(*b), [rnd(*a)], {"shape": list(b)})
    for axis in [0, 1, 2, -1]:
        parts = [[2, 3, 4] for _ in range(3)]
        for size, part in zip([2, 1, 3], parts):
            part[axis] = size
        case(
            "concat",
            f"three along {axis}",
            lambda *x, a=axis: torch.cat(x, dim=a),
            [rnd(*p) for p in parts],
            {"axis": axis},
        )
    case("concat", "one input", lambda x: torch.cat([x], dim=0), [rnd(2, 3)], {"axis": 0})
    for axis, start, end in [(0, 0, 1), (1, 1, 3), (2, 0, 4), (2, 2, 3)]:
        attrs = {"axis": axis, "start": start, "end": end}
        case(
            "slice",
            f"axis {axis} [{start},{end})",
            lambda x, a=axis, s=start, e=end: x.narrow(a, s, e - s),
            [rnd(2, 3, 4)],
            attrs,
        )


def indexing():
    ids = torch.tensor([[4, 0, 2], [2, 4, 4]])
    case("gather", "repeated rows, [5,4] by [2,3]", lambda x, i: x[i], [rnd(5, 4), ids])
    case("gather", "[5] by [2,3]", lambda x, i: x[i], [rnd(5), ids])
    case("gather", "[5,2,3] by [4]", lambda x, i: x[i], [rnd(5, 2, 3), torch.tensor([1, 1, 3, 0])])
    case("gather", "one scalar index", lambda x, i: x[i], [rnd(5, 4), torch.tensor(3)])
    picks = torch.tensor([[[3], [0], [1]], [[1], [1], [2]]])
    run = lambda x, i: torch.gather(x, -1, i)
    case("gatherElements", "one label per row, [2,3,4] by [2,3,1]", run, [rnd(2, 3, 4), picks], {"axis": -1})
    repeated = torch.tensor([[0, 0, 3, 1, 0], [2, 1, 2, 2, 3]])
    case("gatherElements", "repeated, [2,4] by [2,5]", run, [rnd(2, 4), repeated], {"axis": -1})
    condition = torch.tensor([[True, False, True, True], [False, False, True, False], [True, True, False, False]])
    case("where", "same shapes", torch.where, [condition, rnd(3, 4), rnd(3, 4)])
    case("where", "scalar otherwise", torch.where, [condition, rnd(2, 3, 4), rnd()])
    case("where", "condition broadcast", torch.where, [condition[:1], rnd(3, 4), rnd(3, 1)])
    case("where", "condition wider than both", torch.where, [condition, rnd(4), rnd(3, 1)])


def casts():
    exact = torch.tensor([-2.5, -0.125, 0.75, 3.0], dtype=torch.float64)
    case("cast", "f64 to f32", lambda x: x.to(torch.float32), [exact], {"to": "f32"})
    case("cast", "f32 to f64", lambda x: x.to(torch.float64), [exact.float()], {"to": "f64"})
    case("cast", "i64 to f64", lambda x: x.to(torch.float64), [torch.tensor([-3, 0, 7])], {"to": "f64"})
    case("cast", "bool to f64", lambda x: x.to(torch.float64), [torch.tensor([True, False, True])], {"to": "f64"})
    case("cast", "f64 to i64, towards zero", lambda x: x.to(torch.int64), [exact], {"to": "i64"})


def norms():
    def rms(x, w):
        y = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * w
        torch.testing.assert_close(y, F.rms_norm(x, (x.shape[-1],), w, 1e-5), rtol=1e-14, atol=1e-14)
        return y

    tiny = rnd(2, 8) * 1e-3
    for shape in [(2, 3, 8), (3, 8)]:
        case("rmsNorm", f"{list(shape)}", rms, [rnd(*shape), rnd(8)], {"epsilon": 1e-5})
        case(
            "rmsNorm",
            f"{list(shape)} with a constant weight",
            rms,
            [rnd(*shape), rnd(8)],
            {"epsilon": 1e-5},
            frozen=(1,),
        )
    case("rmsNorm", "epsilon matters", rms, [tiny, rnd(8)], {"epsilon": 1e-5})
    layer = lambda x, w, b: F.layer_norm(x, (8,), w, b, 1e-5)
    case("layerNorm", "[2,3,8]", layer, [rnd(2, 3, 8), rnd(8), rnd(8)], {"epsilon": 1e-5})
    case("layerNorm", "epsilon matters", layer, [tiny, rnd(8), rnd(8)], {"epsilon": 1e-5})


def rope():
    """Inputs: x [B,H,T,Dh], positions [B,T], cos and sin [maxT,Dh/2]; element d turns with element d + Dh/2."""

    def run(x, positions, cos, sin):
        c, s = (torch.cat([t[positions], t[positions]], dim=-1) for t in (cos, sin))
        reference = apply_rotary_pos_emb(x, x, c, s)[0]
        half = x.shape[-1] // 2
        a, b = x[..., :half], x[..., half:]
        ch, sh = cos[positions].unsqueeze(1), sin[positions].unsqueeze(1)
        mine = torch.cat([a * ch - b * sh, b * ch + a * sh], dim=-1)
        torch.testing.assert_close(mine, reference, rtol=1e-14, atol=1e-14)
        return reference

    for (b, h, t, dh), positions in [
        ((2, 2, 3, 4), [[0, 1, 2], [5, 3, 4]]),
        ((1, 3, 4, 8), [[0, 1, 0, 1]]),
        ((2, 1, 1, 6), [[7], [2]]),
    ]:
        inverse = 10000.0 ** (-torch.arange(0, dh, 2, dtype=torch.float64) / dh)
        angles = torch.arange(8, dtype=torch.float64)[:, None] * inverse
        inputs = [rnd(b, h, t, dh), torch.tensor(positions), angles.cos(), angles.sin()]
        case("rope", f"[{b},{h},{t},{dh}] at {positions}", run, inputs, frozen=(2, 3))


if __name__ == "__main__":
    quiet_single_thread(20)
    for group in (unary, binary, matmul, reduce, soft, layout, indexing, casts, norms, rope):
        group()
    write_json("ops/ops.json", {"torch": torch.__version__, "cases": cases})
    print(len(cases), "cases")
