/** The sections of a report's page; one that has nothing to show is undefined. */
import type { JobReport } from "../api/job-report.ts";
import { MEASURED_LINES } from "../api/measured-lines.ts";
import {
  COMPARED_HEAD,
  comparedRow,
  decimal,
  element,
  estimate,
  type Html,
  joined,
  NUMBERS,
  percent,
  SHARES,
  signed,
  table,
} from "./elements.ts";
import { frontierFigure, reliabilityFigure, sharesFigure, stepsFigure } from "./figures.ts";

export type Section = (report: JobReport) => Html | undefined;

const paragraph = (text: string) => element("p", text);
export const section = (id: string, title: string, parts: readonly (Html | undefined | null | false)[]): Html =>
  element("section", joined([element("h2", title, `id="${id}"`), ...parts]), `aria-labelledby="${id}"`);

export const winRate: Section = ({ win_rate: win }) => {
  if (win === null) return undefined;
  const { plain, length_controlled: lc, score } = win;
  const controlled =
    lc.win_rate === null ? "—" : estimate({ value: lc.win_rate, low: lc.low, high: lc.high, n: lc.n }, percent);
  const coefficient = (of: typeof lc.model) =>
    of === null ? "—" : `${signed(of.coefficient)} (standard error ${decimal(of.standard_error)})`;
  return section("win-rate", "Win rate against the model before", [
    paragraph(
      `Judged by ${win.judge}${win.own_reward ? ", the reward that the job trained on, which training may have learned to please: see the view on reward hacking" : ""}. ${win.wins} wins, ${win.ties} ties, ${win.losses} losses${win.flawed === 0 ? "" : `; ${win.flawed} comparisons left out, since the judge could not score a reply`}.`,
    ),
    table({
      caption: "Win rate and scores",
      head: ["", "value (95 % interval), n"],
      rows: [
        ["Win rate, ties counted half", estimate(plain, percent)],
        ["Win rate at equal lengths", controlled],
        ["Score before", estimate(score.before, decimal)],
        ["Score after", estimate(score.after, decimal)],
        ["Change of the score, by prompt", estimate(score.change, signed)],
      ],
    }),
    table({
      caption: "The regression behind the win rate at equal lengths: P(win) = σ(θ + φ · tanh(Δ characters / s))",
      head: ["", "coefficient"],
      rows: [
        ["θ, the model", coefficient(lc.model)],
        ["φ, the length", coefficient(lc.length)],
        ["comparisons", String(lc.n)],
      ],
    }),
    lc.reason !== null && paragraph(`Note: ${lc.reason}.`),
  ]);
};

export const preferences: Section = ({ preference_accuracy: accuracy }) => {
  if (accuracy === null) return undefined;
  return section("preferences", "Preference accuracy on the validation pairs", [
    table({
      caption: `Of ${accuracy.pairs} pairs, those whose better completion the model finds likelier`,
      head: COMPARED_HEAD,
      rows: [
        comparedRow("By the sum of log-probabilities", accuracy.summed, SHARES),
        comparedRow("By their mean over tokens", accuracy.per_token, SHARES),
      ],
    }),
    paragraph(
      `In ${estimate(accuracy.implicit, percent)}, training raised the better completion more than the worse one. To compare: the longer completion is the better one in ${estimate(accuracy.longer, percent)}.`,
    ),
  ]);
};

export const completions: Section = ({ completions: found }) => {
  if (found === null) return undefined;
  return section("completions", "The validation completions", [
    table({
      caption: "Log-probability of a completion, in nats",
      head: COMPARED_HEAD,
      rows: [
        comparedRow("Desirable ones", found.desirable, NUMBERS),
        comparedRow("Undesirable ones", found.undesirable, NUMBERS),
      ],
    }),
  ]);
};

export const divergence: Section = ({ divergence: found, steps }) => {
  const frontier = steps === null ? undefined : frontierFigure(steps);
  if (found === null && frontier === undefined) return undefined;
  return section("divergence", "Reward and divergence", [
    found !== null &&
      table({
        caption: "KL of the tuned model from the one before, on the tuned model's own replies",
        head: ["", "value (95 % interval), n"],
        rows: [
          ["Nats a reply (k1)", estimate(found.k1, decimal)],
          ["Nats a reply (k3)", estimate(found.k3, decimal)],
          ["Nats a token", decimal(found.per_token)],
        ],
      }),
    frontier,
  ]);
};

export const fidelity: Section = ({ fidelity: found }) => {
  if (found === null) return undefined;
  const rows = (
    [
      ["Prompts, strictly", "prompt_strict"],
      ["Prompts, loosely", "prompt_loose"],
      ["Instructions, strictly", "instruction_strict"],
      ["Instructions, loosely", "instruction_loose"],
    ] as const
  ).map(([name, key]) => [name, { before: found.before[key], after: found.after[key] }] as const);
  const kinds = Object.keys(found.before.kinds);
  const kindOf = (kind: string, of: typeof found.before) =>
    `${of.kinds[kind]?.followed ?? 0} of ${of.kinds[kind]?.n ?? 0}`;
  return section("fidelity", "Fidelity to verifiable instructions", [
    paragraph(
      `Greedy replies to ${found.prompts === "base" ? "the base's own" : "built-in"} prompts whose instructions code can check. Loosely: without a first or last line, or without asterisks.`,
    ),
    sharesFigure("fidelity-bars", "Instructions followed", rows),
    table({
      caption: "Instructions followed",
      head: ["", "before", "after"],
      rows: rows.map(([name, { before, after }]) => [name, estimate(before, percent), estimate(after, percent)]),
    }),
    element(
      "details",
      joined([
        element("summary", "By kind of instruction"),
        table({
          caption: "Instructions followed loosely, by kind",
          head: ["", "before", "after"],
          rows: kinds.map((kind) => [kind, kindOf(kind, found.before), kindOf(kind, found.after)]),
        }),
      ]),
    ),
  ]);
};

export const tax: Section = ({ facts, tasks, base_loss: loss }) => {
  if (facts === null && tasks === null && loss === null) return undefined;
  const shares = [
    ...(facts === null ? [] : [["Facts", facts] as const]),
    ...(tasks === null ? [] : [["Tasks", tasks] as const]),
  ];
  return section("tax", "The alignment tax", [
    paragraph("What the model could do before, and what is left of it: greedy answers to the base's held-out probes."),
    sharesFigure("tax-bars", "Right answers", shares),
    table({
      caption: "Right answers, and loss on texts of the base's kind",
      head: COMPARED_HEAD,
      rows: [
        ...shares.map(([name, compared]) => comparedRow(name, compared, SHARES)),
        ...(loss === null ? [] : [comparedRow("Loss on base text, nats a token", loss, NUMBERS)]),
      ],
    }),
    tasks !== null &&
      tasks.groups.length > 0 &&
      table({
        caption: "Tasks solved, by kind",
        head: ["", "before", "after"],
        rows: tasks.groups.map(({ name, n, before, after }) => [name, `${before} of ${n}`, `${after} of ${n}`]),
      }),
  ]);
};

export const styles: Section = ({ styles: found }) => {
  const rows = found.flatMap(({ name, high, probes, replies }) => [
    ...(probes === null ? [] : [[`${name}: ${high}, on the base's probes`, probes] as const]),
    ...(replies === null ? [] : [[`${name}: ${high}, in replies to the job's prompts`, replies] as const]),
  ]);
  if (rows.length === 0) return undefined;
  const bars = found.flatMap(({ high, probes, replies }) => [
    ...(probes === null ? [] : [[`${high}, probes`, probes] as const]),
    ...(replies === null ? [] : [[`${high}, replies`, replies] as const]),
  ]);
  const undecided = found.reduce((sum, one) => sum + one.undecided, 0);
  return section("styles", "Register and sentiment", [
    sharesFigure("style-bars", "Shares by a classifier of words", bars),
    table({
      caption: "Shares by a classifier of words",
      head: COMPARED_HEAD,
      rows: rows.map(([name, compared]) => comparedRow(name, compared, SHARES)),
    }),
    undecided > 0 &&
      paragraph(
        `${undecided} texts had no word that the classifier knows, or as much for one side as for the other; they count half.`,
      ),
  ]);
};

export const texts: Section = ({ texts: found }) => {
  if (found === null) return undefined;
  const { before, after } = found;
  const plain = (value: number | null) => (value === null ? "—" : decimal(value));
  return section("texts", "Length and variety of the replies", [
    table({
      caption: `${before.replies} replies of each model to the job's prompts, at temperature 1`,
      head: ["", "before", "after"],
      rows: [
        ["Tokens", estimate(before.tokens, decimal), estimate(after.tokens, decimal)],
        ["Characters", estimate(before.characters, decimal), estimate(after.characters, decimal)],
        ["Ended by themselves", estimate(before.ended, percent), estimate(after.ended, percent)],
        ["Distinct 1-grams", plain(before.distinct_1), plain(after.distinct_1)],
        ["Distinct 2-grams", plain(before.distinct_2), plain(after.distinct_2)],
        ["Distinct 3-grams", plain(before.distinct_3), plain(after.distinct_3)],
        ["Repeated 4-grams", plain(before.repetition), plain(after.repetition)],
      ],
    }),
  ]);
};

/** Series that are drawn together; what is in none of them is in the JSON alone. */
const CHARTS = [
  ["losses", "Loss", ["loss", "valid_loss", "rehearsal_loss"]],
  ["forgetting-loss", "Loss on texts that the base holds out", ["forgetting/text_loss"]],
  ["forgetting-facts", "Share of the base's facts that are still known", ["forgetting/fact_recall"]],
  [
    "memorisation-losses",
    "Loss on training examples and on validation examples, at the ends of epochs",
    ["memorisation/loss", "memorisation/valid_loss"],
  ],
  [
    "memorisation-copies",
    "Share of examples that greedy decoding writes exactly, and the first tokens of",
    [
      "memorisation/exact_copies",
      "memorisation/valid_exact_copies",
      "memorisation/prefix_copies",
      "memorisation/valid_prefix_copies",
    ],
  ],
  [
    "margins",
    "Rewards of the better and the worse completions",
    ["rewards/chosen", "rewards/rejected", "rewards/margins"],
  ],
  [
    "accuracies",
    "Share of pairs that the implied reward orders right",
    ["rewards/accuracies", "valid_rewards/accuracies"],
  ],
] as const;

export const steps: Section = ({ steps: found }) => {
  if (found === null) return undefined;
  const charts = CHARTS.map(([id, title, names]) => stepsFigure(id, title, { steps: found, names, y: "" }));
  if (charts.every((chart) => chart === undefined)) return undefined;
  return section("steps", "Training", charts);
};

export const hacking: Section = ({ steps: found }) => {
  if (found?.hacking == null) return undefined;
  const { proxy, gold, length, repetition } = found.hacking;
  const chart = (id: string, title: string, names: readonly (string | null)[]) =>
    stepsFigure(id, title, { steps: found, names: names.filter((name) => name !== null), y: "" });
  return section("hacking", "Reward hacking", [
    paragraph(
      "A policy hacks its reward where the reward rises and what it stands for does not: the gold reward falls behind, or replies only grow longer or repeat themselves.",
    ),
    chart(
      "proxy-gold",
      gold === null ? "The reward that was trained on" : "The reward that was trained on, and the gold reward",
      [proxy, gold],
    ),
    length !== null && chart("lengths", "Length of the replies", [length]),
    repetition !== null && chart("repetitions", "Repetition in the replies", [repetition]),
  ]);
};

export const calibration: Section = ({ calibration: found }) => {
  if (found === null) return undefined;
  const shown = (value: number | null) => (value === null ? "—" : decimal(value));
  return section("calibration", "Calibration", [
    table({
      caption: `${found.pairs} pairs of ${MEASURED_LINES[found.calibrated_on]}`,
      head: ["", "value"],
      rows: [
        ["Better completions with the greater reward", estimate(found.accuracy, percent)],
        ["Better completions that are the longer", estimate(found.longer, percent)],
        ["Expected calibration error, before the temperature was fitted", shown(found.ece_before)],
        ["Expected calibration error, after", shown(found.ece_after)],
        ["Temperature", shown(found.temperature)],
      ],
    }),
    reliabilityFigure(found),
  ]);
};

export const samples: Section = ({ samples: found }) => {
  if (found.length === 0) return undefined;
  const score = (value: number | null) => (value === null ? "" : `, scored ${decimal(value)}`);
  return section(
    "samples",
    "Samples side by side",
    found.map(({ prompt, before, after, score_before, score_after }, index) =>
      element(
        "details",
        joined([
          element("summary", `Sample ${index + 1}: ${prompt.length > 80 ? `${prompt.slice(0, 80)}…` : prompt}`),
          element("h3", "Prompt"),
          element("pre", prompt),
          element(
            "div",
            joined([
              element("div", joined([element("h3", `Before${score(score_before)}`), element("pre", before)])),
              element("div", joined([element("h3", `After${score(score_after)}`), element("pre", after)])),
            ]),
            'class="pair"',
          ),
        ]),
        index === 0 ? "open" : "",
      ),
    ),
  );
};

export const missing: Section = ({ missing: found }) => {
  if (found.length === 0) return undefined;
  return section("missing", "Not measured", [
    table({
      caption: "Parts of this report that are missing",
      head: ["", "why"],
      rows: found.map(({ part, reason }) => [part, reason]),
    }),
  ]);
};
