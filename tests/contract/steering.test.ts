import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { LEADER, type ProcessedRow, type RowState } from "../../shared/decode/processor.ts";
import { type DecodeSettings, PROCESSORS } from "../../shared/decode/registry.ts";
import { Sampler, type StepView } from "../../shared/decode/sampler.ts";
import { partNamed, STEERING, STEERING_NAMES, type SteeringName } from "../../shared/decode/steering/registry.ts";
import { createRandom } from "../../shared/random.ts";
import { processedRow } from "../shared/decode/processing.ts";
import { BOUNDS } from "./steering-bounds.ts";
import { plannedCases, STEERING_CASES } from "./steering-cases.ts";
import { logitsOf, VOCABULARY, viewOf } from "./steering-model.ts";

const rowOf = (prompt: number, generated: readonly number[] = []): RowState => ({
  role: LEADER,
  prompt: [prompt],
  generated,
});

/** The parts in the order of application, each with settings. */
type Parts = readonly (readonly [name: SteeringName, settings: unknown])[];

/** What a step's row looks like to a processor, its companions as `view` has them. */
function rowFor(row: RowState, settings: unknown, view: StepView, scores: Float64Array): ProcessedRow<never> {
  const own = logitsOf(row);
  const logits = (role?: string) => (role === undefined ? own : view.logits(role));
  return processedRow({ ...view, logits, row, settings: settings as never, scores });
}

/** Tokens of a text that these parts steer together, the likeliest each time. */
function decode(sampler: Sampler, row: RowState & { generated: number[] }, settings: DecodeSettings, steps: number) {
  for (let n = 0; n < steps; n++) {
    const request = { row, settings, logits: logitsOf(row), view: viewOf(row), uniform: () => 0.5 };
    row.generated.push(sampler.sampleNow([request])[0]!.token);
  }
  return [...row.generated];
}

/** Every array that a row may read, at its extremes. */
const EXTREMES: Readonly<Record<string, (token: number, what: string) => number>> = {
  "one token far ahead": (token) => (token === 3 ? 1e4 : -1e4),
  "one token far behind": (token) => (token === 3 ? -1e4 : 1e4),
  "two far ahead, and not the same two": (token, what) => (token % 7 === what.length % 7 ? 1e4 : -1e4),
  "all equal": () => 0,
  "all equal and large": () => 1e4,
  "equal in two groups": (token) => (token < 11 ? 1 : 2),
};

function extremeView(value: (token: number, what: string) => number): StepView & { own: Float32Array } {
  const array = (length: number, what: string) => Float32Array.from({ length }, (_, i) => value(i, what));
  return {
    own: array(VOCABULARY, "own"),
    logits: (role) => array(VOCABULARY, role),
    final: (role = "") => array(6, role),
    exit: (layer) => array(VOCABULARY, `exit ${layer}`),
    probe(role, tokens, visit) {
      for (const [index, token] of tokens.entries()) {
        visit({ index, token, logits: array(VOCABULARY, role), final: array(6, `${role} ${token}`) });
      }
    },
    perturb: ({ judge }) => ({ logits: array(VOCABULARY, `${judge}, perturbed`), losses: [1] }),
  };
}

function expectSound(scores: Float64Array, what: string): void {
  const isWrong = (score: number) => Number.isNaN(score) || score === Number.POSITIVE_INFINITY;
  expect([...scores].filter(isWrong), what).toEqual([]);
  expect(scores.some(Number.isFinite), what).toBe(true);
}

describe.each(STEERING_NAMES)("steering part %s", (name) => {
  const part = partNamed(name);
  const { neutral, active } = STEERING_CASES[name];
  const planned = plannedCases(name);

  it("is left out exactly where what is asked changes nothing", () => {
    for (const asked of neutral) expect(part.isNeutral(part.schema.parse(asked)), JSON.stringify(asked)).toBe(true);
    for (const asked of active) expect(part.isNeutral(part.schema.parse(asked)), JSON.stringify(asked)).toBe(false);
    for (const settings of planned.neutral) expect(PROCESSORS[name].isNeutral(settings as never)).toBe(true);
    for (const settings of planned.active) expect(PROCESSORS[name].isNeutral(settings as never)).toBe(false);
  });

  it("gives the same scores when a step is taken again, as after a wait", () => {
    for (const settings of planned.active) {
      const [once, twice] = [PROCESSORS[name].create(), PROCESSORS[name].create()];
      const generated: number[] = [];
      const row = rowOf(4, generated);
      for (const token of [5, 1, 1, 20]) {
        const scores = [once, twice, twice].map((processor) => {
          const own = Float64Array.from(logitsOf(row));
          processor.apply([rowFor(row, settings, viewOf(row), own)]);
          return own;
        });
        expect(scores[2]).toEqual(scores[0]);
        generated.push(token);
      }
    }
  });

  it("forgets a row that leaves", () => {
    for (const settings of planned.active) {
      const sampler = new Sampler();
      const row = { ...rowOf(8), generated: [] as number[] };
      const decoded = () => {
        row.generated.length = 0;
        sampler.update({ removed: [], added: [{ row, slot: 0 }], moved: [] });
        const tokens = decode(sampler, row, { greedy: true, [name]: settings }, 6);
        sampler.update({ removed: [row], added: [], moved: [] });
        return tokens;
      };
      const [first, second] = [decoded(), decoded()];
      expect(second).toEqual(first);
    }
  });

  it.each(Object.keys(EXTREMES))("gives sound scores with %s", (extreme) => {
    const view = extremeView(EXTREMES[extreme]!);
    for (const settings of planned.active) {
      const processor = PROCESSORS[name].create();
      const generated: number[] = [];
      for (let n = 0; n < 4; n++) {
        const scores = Float64Array.from(view.own);
        const row = rowFor(rowOf(1, generated), settings, view, scores);
        processor.apply([{ ...row, logits: (role) => (role === undefined ? view.own : view.logits(role)) }]);
        expectSound(scores, JSON.stringify(settings).slice(0, 200));
        generated.push(scores.indexOf(Math.max(...scores)));
      }
    }
  });

  it("notes what it does under its own name, and nothing where no trace is asked for", () => {
    for (const settings of planned.active) {
      const noted: Record<string, unknown>[] = [];
      const row = rowFor(rowOf(2), settings, viewOf(rowOf(2)), Float64Array.from(logitsOf(rowOf(2))));
      PROCESSORS[name].create().apply([{ ...row, note: (facts) => void noted.push({ ...facts }) }]);
      for (const facts of noted) expect(Object.keys(facts)).toEqual([name]);
      expect(() => JSON.stringify(noted)).not.toThrow();
    }
  });

  it("states every bound", () => {
    expect(unbounded(z.toJSONSchema(part.schema, { io: "input" }) as JsonSchema, name)).toEqual([]);
  });

  it.each(BOUNDS[name])("takes $at at the bound and refuses $past past it: $path", ({ at, past, ask, path }) => {
    for (const value of at)
      expect(part.schema.safeParse(ask(value)).error?.message, `${path} ${value}`).toBeUndefined();
    for (const value of past) expect(part.schema.safeParse(ask(value)).success, `${path} ${value}`).toBe(false);
  });

  it("has a case past every bound", () => {
    const properties = [...propertiesOf(z.toJSONSchema(part.schema, { io: "input" }) as JsonSchema)];
    const tried = BOUNDS[name].map(({ path }) => path);
    expect(properties.filter((property) => !tried.some((path) => path.endsWith(property)))).toEqual([]);
  });
});

describe("parts together", () => {
  it("run in the documented order, before the processors of the sampling fields", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/steering.md"), "utf8");
    const rows = [...page.matchAll(/^\| \d+ \| (`.*?`) \|/gm)].map(([, names]) =>
      names!.replaceAll("`", "").split(", "),
    );
    expect(rows.flat().filter((name) => name in STEERING)).toEqual(STEERING_NAMES);
    expect(rows.findIndex((row) => row.includes("logit_bias"))).toBeGreaterThan(
      rows.findIndex((row) => row.includes(STEERING_NAMES.at(-1)!)),
    );
    const ofSampling = Object.keys(PROCESSORS).filter((name) => name !== "follow" && !(name in STEERING));
    expect(Object.keys(PROCESSORS)).toEqual(["follow", ...STEERING_NAMES, ...ofSampling]);
  });

  const pairs = STEERING_NAMES.flatMap((first, i) =>
    STEERING_NAMES.slice(i + 1).map((second) => [first, second] as const),
  );

  it.each(pairs)("%s and %s leave sound scores, whatever each is asked", (first, second) => {
    for (const one of plannedCases(first).active) {
      for (const other of plannedCases(second).active) {
        expectSoundText([
          [first, one],
          [second, other],
        ]);
      }
    }
  });

  it("all at once, whatever each is asked, on ordinary and on extreme logits", () => {
    const random = createRandom(3, "parts");
    for (let n = 0; n < 200; n++) {
      const parts = STEERING_NAMES.map((name) => {
        const { active } = plannedCases(name);
        return [name, active[random.below(active.length)]!] as const;
      });
      expectSoundText(parts);
      for (const value of Object.values(EXTREMES)) {
        const view = extremeView(value);
        const scores = Float64Array.from(view.own);
        for (const [name, settings] of parts) {
          const row = rowFor(rowOf(n), settings, view, scores);
          const processor = PROCESSORS[name].create();
          processor.apply([{ ...row, logits: (role) => (role === undefined ? view.own : view.logits(role)) }]);
        }
        expectSound(scores, JSON.stringify(parts).slice(0, 200));
      }
    }
  });

  it("give each row of a batch what it gets alone, while rows join and leave at every step", () => {
    const random = createRandom(9, "batch");
    const settings = (seed: number): DecodeSettings => {
      const own = createRandom(seed, "settings");
      const chosen = STEERING_NAMES.filter(() => own.float() < 0.5).map((name) => {
        const { active } = plannedCases(name);
        return [name, active[own.below(active.length)]!] as const;
      });
      return { greedy: true, ...Object.fromEntries(chosen) };
    };
    const sampler = new Sampler();
    let rows: { row: RowState & { generated: number[] }; seed: number; length: number }[] = [];
    for (let step = 0, seed = 0; step < 120; step++) {
      const added = Array.from({ length: rows.length < 5 ? random.below(3) : 0 }, () => {
        return { row: { ...rowOf(seed), generated: [] as number[] }, seed: seed++, length: 1 + random.below(7) };
      });
      rows.push(...added);
      sampler.update({ removed: [], added: added.map(({ row }, i) => ({ row, slot: i })), moved: [] });
      const requests = rows.map(({ row, seed: own }) => {
        return { row, settings: settings(own), logits: logitsOf(row), view: viewOf(row), uniform: () => 0.5 };
      });
      for (const [i, { token }] of sampler.sampleNow(requests).entries()) rows[i]!.row.generated.push(token);
      const ended = rows.filter(({ row, length }) => row.generated.length === length);
      for (const { row, seed: own, length } of ended) {
        const alone = { ...rowOf(own), generated: [] as number[] };
        expect(row.generated).toEqual(decode(new Sampler(), alone, settings(own), length));
      }
      rows = rows.filter((each) => !ended.includes(each));
      sampler.update({ removed: ended.map(({ row }) => row), added: [], moved: [] });
    }
  });
});

function expectSoundText(parts: Parts): void {
  const processors = parts.map(([name]) => PROCESSORS[name].create());
  const generated: number[] = [];
  for (let n = 0; n < 3; n++) {
    const row = rowOf(n, [...generated]);
    const scores = Float64Array.from(logitsOf(row));
    for (const [i, [, settings]] of parts.entries()) {
      processors[i]!.apply([rowFor(row, settings, viewOf(row), scores)]);
      expectSound(scores, JSON.stringify(parts).slice(0, 200));
    }
    generated.push(scores.indexOf(Math.max(...scores)));
  }
}

interface JsonSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly [bound: string]: unknown;
}

const branches = ({ anyOf = [], oneOf = [], allOf = [] }: JsonSchema) => [...anyOf, ...oneOf, ...allOf];

/** Where a schema takes numbers, texts or lists of any size, or unknown fields. */
function unbounded(schema: JsonSchema, path: string): string[] {
  const has = (...names: string[]) => names.some((each) => schema[each] !== undefined);
  const isOpen = {
    number: !has("minimum", "exclusiveMinimum") || !has("maximum", "exclusiveMaximum"),
    integer: !has("minimum", "exclusiveMinimum") || !has("maximum", "exclusiveMaximum"),
    string: !has("maxLength") && schema.const === undefined && schema.enum === undefined,
    array: !has("maxItems"),
    object: schema.additionalProperties !== false,
  }[schema.type ?? ""];
  return [
    ...(isOpen === true ? [path] : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, each]) => unbounded(each, `${path}.${name}`)),
    ...(schema.items === undefined ? [] : unbounded(schema.items, `${path}[]`)),
    ...branches(schema).flatMap((each) => unbounded(each, path)),
  ];
}

/** Names of the fields that hold a number, a text or a list. */
function propertiesOf(schema: JsonSchema): Set<string> {
  const found = new Set<string>();
  for (const [name, each] of Object.entries(schema.properties ?? {})) {
    const kinds = [each, ...branches(each)].map(({ type, const: only, enum: some }) => ((only ?? some) ? "" : type));
    if (kinds.some((type) => type === "number" || type === "integer" || type === "string" || type === "array"))
      found.add(name);
    for (const inner of propertiesOf(each)) found.add(inner);
  }
  for (const each of [...(schema.items === undefined ? [] : [schema.items]), ...branches(schema)]) {
    for (const inner of propertiesOf(each)) found.add(inner);
  }
  return found;
}
