/**
 * `npm run eval:steering [WORD]`: what each method does to the embedded base, over three seeds, as the rows of the table in
 * docs/steering-effects.md; with a word, only the rows that have it in their names. Takes some minutes of one core.
 */
import { embeddedModel } from "./support/embedded-model.ts";
import {
  type Effect,
  lost,
  noteReading,
  reachedProbability,
  recalled,
  repetition,
  reviews,
  rudeRequests,
  someFacts,
} from "./support/experiments.ts";

const SEEDS = [1, 2, 3];
const model = await embeddedModel();
const word = process.argv[2] ?? "";

/** Shares and perplexities of texts, without steering and with each setting. */
async function sampled(
  what: string,
  measure: typeof reviews,
  settings: Readonly<Record<string, unknown>>,
): Promise<void> {
  const wanted = Object.entries(settings).filter(([name]) => `${what} ${name}`.includes(word));
  if (wanted.length === 0) return;
  const overSeeds = async (steering?: unknown) => {
    const found: Effect[] = [];
    for (const seed of SEEDS) found.push(await measure(model, steering, { seed, samples: 6 }));
    return found;
  };
  const plain = await overSeeds();
  row(what, "none", { share: plain.map(({ share }) => share), ratio: [1], cost: [0] });
  for (const [name, steering] of wanted) {
    const found = await overSeeds(steering);
    row(what, name, {
      share: found.map(({ share }) => share),
      ratio: found.map(({ perplexity }, i) => perplexity / plain[i]!.perplexity),
      cost: found.map(({ cost }) => cost),
    });
  }
}

function row(what: string, name: string, figures: Readonly<Record<string, readonly number[]>>): void {
  const cells = Object.entries(figures).map(([key, all]) => `${key} ${all.map((each) => each.toFixed(3)).join(" ")}`);
  console.log([what, name, ...cells].join(" | "));
}

const mood = (asked: object) => ({ classifier: [{ id: "sentiment", label: "positive", ...asked }] });
await sampled("positive reviews", reviews, {
  "lookahead, top_k 4": mood({ mode: "lookahead", top_k: 4 }),
  "lookahead, top_k 8": mood({ mode: "lookahead", top_k: 8 }),
  token_values: mood({ mode: "token_values" }),
  "class_rows, strength 0.1, filter 0": mood({ mode: "class_rows", strength: 0.1, filter: 0 }),
  "class_rows, as usual": mood({ mode: "class_rows" }),
  "class_rows, plausible tokens": {
    contrastive: { amateur: { temperature: 2 }, strength: 0, alpha: 0.05 },
    ...mood({ mode: "class_rows" }),
  },
});
await sampled("rude requests", rudeRequests, {
  "experts, weight -0.5": { experts: [{ id: "rude", weight: -0.5 }] },
  "experts, weight -1": { experts: [{ id: "rude", weight: -1 }] },
  "guidance, scale 1.5": { guidance: { negative_prompt: "You are rude.", scale: 1.5 } },
  "guidance, scale 2": { guidance: { negative_prompt: "You are rude.", scale: 2 } },
});
const facts = "facts".includes(word) ? someFacts(1) : [];
if (facts.length > 0) {
  const known = await recalled(model, facts);
  row("facts", "none", { known: [known.filter(Boolean).length], repeated: [await repetition(model)] });
  const contrasts = {
    "contrastive, itself at 0.5": { contrastive: { amateur: { temperature: 0.5 } } },
    "contrastive, the rude delta": { contrastive: { amateur: "rude" } },
    layers: { layers: {} },
  };
  for (const [name, steering] of Object.entries(contrasts)) {
    const now = await recalled(model, facts, steering);
    row("facts", name, { lost: [lost(known, now)], repeated: [await repetition(model, steering)] });
  }
}
if ("notes".includes(word)) {
  for (const reader of [0, 0.5, 0.7, 1]) {
    for (const strength of [0, 1, 2]) {
      const contrastive = { amateur: { without: "system", temperature: 1 }, alpha: 0, strength };
      const found = [];
      for (const seed of SEEDS) found.push(await noteReading(model, { count: 60, seed, reader }, { contrastive }));
      const figures = { follows: found.map(({ follows }) => follows), knows: found.map(({ knows }) => knows) };
      row("notes", `reader ${reader}, strength ${strength}`, figures);
    }
  }
}
for (const mode of ["lookahead", "token_values"]) {
  if (!`target ${mode}`.includes(word)) continue;
  for (const target of [0.3, 0.6, 0.9]) {
    const found = [];
    for (const seed of SEEDS) found.push(await reachedProbability(model, { mode, target }, { seed, samples: 2 }));
    const figures = { mean: found.map(({ mean }) => mean), perplexity: found.map(({ perplexity }) => perplexity) };
    row("target", `${mode} ${target}`, figures);
  }
}
