import { describe, expect, it } from "vitest";
import { BARE } from "../../../edge/runtime/serving-delta.ts";
import type { GenerationRow, RemoteRow } from "../../../edge/serving/generation.ts";
import { type OpenGeneration, Row } from "../../../edge/serving/row.ts";
import { sampleEach, sampleRequest } from "../../../edge/serving/sampling-step.ts";
import type { StepStates } from "../../../edge/serving/step-states.ts";
import { LEADER } from "../../../shared/decode/processor.ts";
import { type Sample, type SampleRequest, Sampler } from "../../../shared/decode/sampler.ts";
import { Sequence } from "../../../shared/decode/sequence.ts";
import { TrimtabError } from "../../../shared/errors.ts";

const statesOf = (value: number): StepStates => ({
  logits: Float32Array.of(value, 0, 0, 0),
  final: Float32Array.of(value),
  exits: new Map([[0, Float32Array.of(0, value, 0, 0)]]),
});

/** A generation of a leader and one companion, both with states, and a remote one. */
function opened({ traced, settings = { greedy: true } }: { traced?: number; settings?: object } = {}) {
  const sequence = new Sequence({
    choice: 0,
    settings: settings as never,
    maxTokens: 9,
    stop: [],
    endTokens: new Set(),
    topLogprobs: null,
    ...(traced === undefined ? {} : { traced }),
    uniform: () => 0,
    decoder: { push: () => "", flush: () => "" },
    describe: () => ({ token: "", bytes: [] }),
  });
  const row = (role: string): GenerationRow => ({
    role,
    prompt: [1, 2],
    weights: role as never,
    deltas: BARE,
    stateKey: role,
  });
  const remote = {
    role: "far",
    computed: 0,
    statesAt: (length: number) => statesOf(30 + length),
  } as unknown as RemoteRow;
  const open: OpenGeneration = {
    request: {} as never,
    generation: { rows: [row(LEADER), row("near")], remotes: [remote], sequence },
    tenant: "acme",
    rows: 2,
    members: [],
    waiting: false,
    steeringTokens: 0,
    probes: { length: 0, counted: new Set() },
  };
  open.members = open.generation.rows.map((work) => new Row(open, work));
  for (const [i, member] of open.members.entries()) {
    member.prefilled = 2;
    member.take(statesOf(10 * (i + 1)));
  }
  return { open, sequence };
}

const probed: unknown[][] = [];
const batch = {
  decoder: { probe: (...all: unknown[]) => void probed.push(all) },
  slots: { slotOf: ({ work }: Row) => (work.role === LEADER ? 4 : 5) },
} as never;
const visit = () => {};

describe("sampleRequest", () => {
  it("shows a processor what every row of the generation knows, here and in other batches", () => {
    const { open, sequence } = opened();
    const { view, logits, row } = sampleRequest(open, batch);
    expect([row, logits[0]]).toEqual([open.members[0]!.state, 10]);
    expect([view!.logits("near")[0], view!.logits("far")[0]]).toEqual([20, 30]);
    expect([undefined, "near", "far"].map((role) => view!.final(role)[0])).toEqual([10, 20, 30]);
    expect(view!.exit(0)[1]).toBe(10);
    expect(() => view!.logits("nobody")).toThrow(expect.objectContaining({ code: "internal_error" }));
    sequence.accept(0, logits);
    expect(view!.logits("far")[0]).toBe(31);
  });

  it("probes a row at its next position with its weights, and counts a step's probe once", () => {
    const { open, sequence } = opened();
    const { view, logits } = sampleRequest(open, batch);
    probed.length = 0;
    view!.probe("near", [1, 3], visit);
    expect(probed).toEqual([["near", { slot: 5, position: 2, tokens: [1, 3] }, visit]]);
    expect(open.steeringTokens).toBe(2);
    sampleRequest(open, batch).view!.probe("near", [1, 3], visit);
    expect([open.steeringTokens, probed.length]).toEqual([2, 2]);
    view!.probe("near", [2], visit);
    view!.probe(LEADER, [2], visit);
    expect(open.steeringTokens).toBe(4);
    sequence.accept(0, logits);
    view!.probe("near", [1, 3], visit);
    expect(open.steeringTokens).toBe(6);
  });

  it("notes what a condition found before the first token alone, and only where a trace is asked for", () => {
    const found = [{ at: "vectors[0]", score: 0.5, applies: true }];
    for (const traced of [undefined, 2]) {
      const { open, sequence } = opened(traced === undefined ? {} : { traced });
      Object.assign(open.members[0]!, { reader: { found: () => found } });
      const noted = traced === undefined ? {} : { traced, noted: { vectors: found } };
      expect(sampleRequest(open, batch)).toMatchObject(noted);
      expect("noted" in sampleRequest(open, batch)).toBe(traced !== undefined);
      sequence.accept(0, statesOf(1).logits);
      if (traced !== undefined) expect(sampleRequest(open, batch).noted).toEqual({});
    }
  });
});

describe("sampleEach", () => {
  const sample = { token: 1, logprob: 0 } as Sample;
  const request = (name: string) => ({ row: { role: name } }) as unknown as SampleRequest;
  const sampling = (failing: Readonly<Record<string, unknown>>) => {
    const calls: string[][] = [];
    const sampler = {
      sample(requests: readonly SampleRequest[]) {
        const names = requests.map(({ row }) => row.role);
        calls.push(names);
        for (const name of names) if (name in failing) throw failing[name];
        return requests.map(() => sample);
      },
    } as unknown as Sampler;
    return { sampler, calls };
  };
  const all = ["a", "b", "c"].map(request);

  it("samples all rows at once where none fails", () => {
    const { sampler, calls } = sampling({});
    expect(sampleEach(sampler, all)).toEqual([sample, sample, sample]);
    expect(calls).toEqual([["a", "b", "c"]]);
  });

  it("fails only the rows that throw, with what each of them throws", () => {
    const [first, second] = ["1", "2"].map((message) => new TrimtabError("invalid_request", message));
    const { sampler } = sampling({ a: first, c: second });
    expect(sampleEach(sampler, all)).toEqual([{ error: first }, sample, { error: second }]);
  });

  it.each([new Error("out of memory"), new TrimtabError("internal_error", "no row")])(
    "throws what leaves the runtime in doubt: %s",
    (error) => {
      const { sampler } = sampling({ b: error });
      expect(() => sampleEach(sampler, all)).toThrow(error);
    },
  );

  it("gives neighbours of a row that fails the tokens that they draw alone", () => {
    const draws = (names: readonly string[]) => {
      const sampler = new Sampler();
      const of = (name: string): SampleRequest => ({
        row: { role: name, prompt: [1], generated: [] },
        settings: (name === "bad"
          ? {
              greedy: false,
              get bias(): never {
                throw new TrimtabError("invalid_request", "no");
              },
            }
          : { greedy: false, temperature: 0.5 }) as never,
        logits: Float32Array.of(1, 2, 3, 2),
        uniform: () => (name === "x" ? 0.1 : 0.7),
      });
      return sampleEach(sampler, names.map(of));
    };
    const [x, bad, y] = draws(["x", "bad", "y"]);
    expect([x, y]).toEqual([...draws(["x"]), ...draws(["y"])]);
    expect(bad).toMatchObject({ error: { code: "invalid_request" } });
  });
});
