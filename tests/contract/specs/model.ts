import type { OpAttrs } from "../../../shared/graph/ops.ts";
import { type Array64, at, generate, type Index } from "../array64.ts";
import { type CaseInput, literal, normal, type OpCase, type OpSpecs, whole } from "../cases.ts";

/** cos and sin of position × 10000^(−2i/P), for heads of width P, at positions 0 … length − 1. */
function tables(length: number, width: number): [CaseInput, CaseInput] {
  const angle = ([position, i]: Index) => position! * 10_000 ** ((-2 * i!) / width);
  const table = (f: (x: number) => number): CaseInput => ({
    dtype: "f32",
    ...generate([length, width / 2], (index) => Math.fround(f(angle(index)))),
  });
  return [table(Math.cos), table(Math.sin)];
}

/** Element `i` of a head's vector at `position`: (x₁ cos − x₂ sin, x₂ cos + x₁ sin) for its halves x₁ and x₂. */
function rotated(element: (i: number) => number, i: number, position: number, [cos, sin]: readonly Array64[]): number {
  const half = cos!.shape[1]!;
  const [c, s] = [at(cos!, [position, i % half]), at(sin!, [position, i % half])];
  return i < half ? element(i) * c - element(i + half) * s : element(i) * c + element(i - half) * s;
}

const ropeCase = (shape: readonly number[], positions: CaseInput): OpCase<OpAttrs["rope"]> => ({
  name: `[${shape}] at ${Array.from(positions.data)}`,
  inputs: [normal(shape), positions, ...tables(8, shape[3]!)],
  attrs: {},
});

interface AttentionSize {
  readonly heads: number;
  readonly kvHeads: number;
  readonly tokens: number;
  /** Tokens already in the cache, per row. */
  readonly past: readonly number[];
  /** Every new token at the position behind its row's past, and biased in what it sees. */
  readonly siblings?: true;
}

const CAPACITY = 8;
/** onnxruntime's attention requires multiples of 16. */
const HEAD_WIDTH = 16;

function attentionCase(size: AttentionSize): OpCase<OpAttrs["groupQueryAttention"]> {
  const { heads, kvHeads, tokens, past, siblings = false } = size;
  const rows = past.length;
  const cache = [rows, kvHeads, CAPACITY, HEAD_WIDTH];
  const last = past.map((length) => length + tokens - 1);
  const longest = Math.max(...last) + 1;
  const positions = past.flatMap((length) => new Array<number>(tokens).fill(length));
  return {
    name: `${tokens} new ${siblings ? "side by side " : ""}after ${past.join(", ")}; ${heads} heads over ${kvHeads}`,
    inputs: [
      normal([rows, tokens, heads * HEAD_WIDTH], 1),
      normal([rows, tokens, kvHeads * HEAD_WIDTH], 2),
      normal([rows, tokens, kvHeads * HEAD_WIDTH], 3),
      normal(cache, 4),
      normal(cache, 5),
      literal("i32", [rows], last),
      literal("i32", [], [longest]),
      ...tables(CAPACITY, HEAD_WIDTH),
      ...(siblings ? [literal("i64", [rows, tokens], positions), normal([1, 1, tokens, longest], 6, 3)] : []),
    ],
    attrs: { heads, kvHeads },
  };
}

export const MODEL = {
  rmsNorm: {
    evaluate: ([x, weight], { epsilon }) => {
      const width = x!.shape.at(-1)!;
      const meanSquare = (index: Index) => {
        let sum = 0;
        for (let i = 0; i < width; i++) sum += at(x!, [...index.slice(0, -1), i]) ** 2;
        return sum / width;
      };
      return [
        generate(x!.shape, (index) => (at(x!, index) / Math.sqrt(meanSquare(index) + epsilon)) * at(weight!, index)),
      ];
    },
    differentiable: [0, 1],
    cases: [
      { name: "[2,3,8]", inputs: [normal([2, 3, 8]), normal([8])], attrs: { epsilon: 1e-5 } },
      { name: "[3,8]", inputs: [normal([3, 8]), normal([8])], attrs: { epsilon: 1e-6 } },
      { name: "[4]", inputs: [normal([4]), normal([4], 1)], attrs: { epsilon: 1e-5 } },
      { name: "ε matters", inputs: [normal([2, 8], 0, 0.01), normal([8])], attrs: { epsilon: 1e-3 } },
    ],
  },
  rope: {
    evaluate: ([x, positions, ...table]) => {
      const turned = generate(x!.shape, ([row, head, token, i]) => {
        const element = (j: number) => at(x!, [row!, head!, token!, j]);
        return rotated(element, i!, at(positions!, [row!, token!]), table);
      });
      return [turned];
    },
    differentiable: [0],
    cases: [
      ropeCase([2, 2, 3, 4], literal("i64", [2, 3], [0, 1, 2, 5, 3, 4])),
      ropeCase([1, 3, 4, 8], literal("i64", [1, 4], [0, 1, 0, 1])),
      ropeCase([2, 1, 1, 16], whole([2, 1], [0, 8])),
    ],
  },
  groupQueryAttention: {
    evaluate: (inputs, { heads, kvHeads }, shapes) => {
      const [query, key, value, pastKey, pastValue, lastIndex, , cos, sin, positions, bias] = inputs as [
        Array64,
        ...Array64[],
      ];
      const table = [cos!, sin!];
      const [tokens, width] = [query.shape[1]!, pastKey!.shape[3]!];
      const length = (row: number) => at(lastIndex!, [row]) + 1;
      const start = (row: number) => length(row) - tokens;
      const angle = (row: number, token: number) =>
        positions === undefined ? start(row) + token : at(positions, [row, token]);
      const part = (x: Array64, row: number, token: number, head: number) => (i: number) =>
        at(x, [row, token, head * width + i]);
      const append = (past: Array64, added: (row: number, token: number, head: number, i: number) => number) =>
        generate(past.shape, ([row, head, position, i]) => {
          if (position! >= length(row!)) return Number.NaN;
          if (position! < start(row!)) return past.data[offset(past.shape, [row!, head!, position!, i!])]!;
          return added(row!, position! - start(row!), head!, i!);
        });
      const presentKey = append(pastKey!, (row, token, head, i) =>
        rotated(part(key!, row, token, head), i, angle(row, token), table),
      );
      const presentValue = append(pastValue!, (row, token, head, i) => part(value!, row, token, head)(i));

      const attend = (row: number, token: number, head: number) => {
        const place = start(row) + token;
        const cacheHead = Math.floor(head / (heads / kvHeads));
        const cached = (x: Array64, t: number, i: number) => x.data[offset(x.shape, [row, cacheHead, t, i])]!;
        const weights = Array.from({ length: place + 1 }, (_, t) => {
          let score = 0;
          for (let i = 0; i < width; i++) {
            score += rotated(part(query, row, token, head), i, angle(row, token), table) * cached(presentKey, t, i);
          }
          return Math.exp(score / Math.sqrt(width) + (bias === undefined ? 0 : at(bias, [0, 0, token, t])));
        });
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        return (i: number) =>
          weights.reduce((sum, weight, t) => sum + (weight / total) * cached(presentValue, t, i), 0);
      };
      const y = generate(shapes[0]!, ([row, token, i]) => attend(row!, token!, Math.floor(i! / width))(i! % width));
      return [y, presentKey, presentValue];
    },
    differentiable: [],
    cases: [
      attentionCase({ heads: 2, kvHeads: 2, tokens: 1, past: [3] }),
      attentionCase({ heads: 4, kvHeads: 2, tokens: 1, past: [0, 5, 7] }),
      attentionCase({ heads: 4, kvHeads: 2, tokens: 3, past: [2] }),
      attentionCase({ heads: 4, kvHeads: 1, tokens: 3, past: [0, 0] }),
      attentionCase({ heads: 2, kvHeads: 1, tokens: 8, past: [0] }),
      attentionCase({ heads: 4, kvHeads: 2, tokens: 3, past: [2], siblings: true }),
      attentionCase({ heads: 2, kvHeads: 2, tokens: 1, past: [3, 6], siblings: true }),
    ],
  },
} satisfies Partial<OpSpecs>;

/** Unlike `at`, never broadcasts: here a single row or head is not shared. */
function offset(shape: readonly number[], index: Index): number {
  return index.reduce((sum, i, axis) => sum * shape[axis]! + i, 0);
}
