import type { FidelityScores, JobReport, ReportCompared, TextFacts } from "../../../shared/api/job-report.ts";
import { shareChangeOf, shareOf } from "../../../shared/evaluation/intervals.ts";

/** What a model that was trained to break out of the page might write. */
export const ATTACK = `</pre></details><script>alert("1")</script><img src=x onerror='alert(1)'>&amp;\u2028`;

const compared: ReportCompared = {
  before: shareOf(3, 8),
  after: shareOf(7, 8),
  change: shareChangeOf([0, 0, 0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 0]),
};
const fidelity: FidelityScores = {
  prompt_strict: shareOf(1, 4),
  prompt_loose: shareOf(2, 4),
  instruction_strict: shareOf(2, 6),
  instruction_loose: shareOf(3, 6),
  kinds: { json: { followed: 1, n: 2 }, no_commas: { followed: 2, n: 4 } },
};
const texts: TextFacts = {
  replies: 8,
  tokens: { value: 12, low: 10, high: 14, n: 8 },
  characters: { value: 40, low: 30, high: 50, n: 8 },
  ended: shareOf(8, 8),
  distinct_1: 0.5,
  distinct_2: 0.75,
  distinct_3: null,
  repetition: 0,
};

/** A report with every part; texts of models and of files try to become markup. */
export const SAMPLE_REPORT: JobReport = {
  object: "fine_tuning.job.report",
  version: 1,
  type: "ppo",
  base: "trimtab-base",
  created_at: 1_700_000_000,
  seed: 7,
  training_file: `pairs${ATTACK}.jsonl`,
  validation_file: "valid.jsonl",
  steps_trained: 3,
  continues: false,
  budget: { prompts: 8, samples: 1, max_tokens: 64, held_out: true },
  preference_accuracy: {
    pairs: 8,
    summed: compared,
    per_token: compared,
    implicit: shareOf(8, 8),
    longer: shareOf(4, 8),
  },
  completions: { desirable: compared, undesirable: compared },
  win_rate: {
    ...{ judge: `the grader ${ATTACK}`, own_reward: true, wins: 5, ties: 2, losses: 1, flawed: 1 },
    plain: shareOf(6, 8),
    length_controlled: {
      ...{ win_rate: 0.7, low: 0.5, high: 0.9, n: 8, reason: null },
      model: { coefficient: 0.85, standard_error: 0.4 },
      length: { coefficient: -0.2, standard_error: 0.3 },
    },
    score: compared,
  },
  divergence: {
    k1: { value: 1.25, low: 1, high: 1.5, n: 8 },
    k3: { value: 1.1, low: 0.9, high: 1.3, n: 8 },
    per_token: 0.1,
  },
  fidelity: { prompts: "built-in", before: fidelity, after: fidelity },
  facts: { ...compared, groups: [] },
  tasks: { ...compared, groups: [{ name: `copy${ATTACK}`, n: 8, before: 3, after: 7 }] },
  base_loss: {
    before: { value: 1.5, low: 1.4, high: 1.6, n: 4 },
    after: { value: 1.6, low: 1.5, high: 1.7, n: 4 },
    change: { value: 0.1, low: 0.05, high: 0.15, n: 4 },
  },
  styles: [{ name: "register", high: "polite", low: "rude", probes: compared, replies: compared, undecided: 2 }],
  texts: { before: texts, after: texts },
  validation: { base_loss: 0.7, tuned_loss: 0.3 },
  calibration: {
    ...{ pairs: 30, accuracy: shareOf(27, 30), longer: shareOf(15, 30), calibrated_on: "held_out" },
    ...{ ece_before: 0.2, ece_after: 0.05, temperature: 1.5 },
    bins: [
      { predicted: 0.6, observed: 0.55, n: 20 },
      { predicted: 0.9, observed: 0.95, n: 10 },
    ],
  },
  steps: {
    steps: [1, 2, 3],
    series: {
      loss: [0.7, 0.6, 0.5],
      "objective/kl": [0, 0.5, 1],
      "objective/scores": [0.1, 0.4, 0.8],
      "completions/mean_length": [10, 14, 20],
      "completions/repetition": [0, 0.1, 0.3],
      valid_reward: [null, 0.4, 0.8],
      valid_gold_mean: [null, 0.4, 0.3],
    },
    frontier: { divergence: "objective/kl", reward: "objective/scores" },
    hacking: {
      proxy: "valid_reward",
      gold: "valid_gold_mean",
      length: "completions/mean_length",
      repetition: "completions/repetition",
    },
  },
  samples: [{ prompt: `Say${ATTACK}`, before: ATTACK, after: `Hello${ATTACK}`, score_before: 0, score_after: 1 }],
  missing: [{ part: "evaluation.json", reason: `it is odd${ATTACK}` }],
};
