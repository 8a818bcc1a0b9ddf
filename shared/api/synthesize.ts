/** The settings of jobs that make data: instructions and their outputs, by a model, from a file of seeds. */
import { z } from "zod";
import { checkGrader, modelsOf } from "../graders/registry.ts";
import { LIMITS } from "../limits.ts";
import { FilterSettings } from "../synthesis/filters/registry.ts";
import { EVOLUTIONS, type Evolution } from "../synthesis/requests.ts";

const Style = z.enum(["few_shot", "chat"]);

/** The filters of a request that names none. */
const OWN_FILTERS = { self_instruct: { length: {}, duplicates: {}, rouge: {}, format: {} } };
const DEFAULT_FILTERS = FilterSettings.parse(OWN_FILTERS.self_instruct);
const EVOL_FILTERS = FilterSettings.parse({ ...OWN_FILTERS.self_instruct, elimination: {} });

export const SynthesizeSettings = z
  .strictObject({
    approach: z.enum(["self_instruct", "evol"]).default("self_instruct").meta({
      description:
        "`self_instruct`: new instructions after examples of others; `evol`: instructions rewritten to be harder or different",
    }),
    operations: z
      .array(z.enum(Object.keys(EVOLUTIONS) as [Evolution, ...Evolution[]]))
      .min(1)
      .refine((names) => new Set(names).size === names.length, "must not name an operation twice")
      .optional()
      .meta({ description: "Of `evol`: how instructions are rewritten, drawn for each; all by default" }),
    rounds: z.int().min(1).max(LIMITS.synthesisRounds).default(3).meta({
      description: "Each learns from what the rounds before it have added to the pool",
    }),
    per_round: z
      .int()
      .min(1)
      .max(LIMITS.synthesisTexts)
      .default(32)
      .meta({ description: "Instructions that a round asks for" }),
    max_kept: z.int().min(1).max(LIMITS.synthesisTexts).optional().meta({
      description: "Ends the job once so many examples are kept",
    }),
    style: Style.default("few_shot").meta({
      description:
        "How instructions are asked for: `few_shot` shows examples as one text to continue, which base models can do; `chat` asks in words",
    }),
    answers: Style.optional().meta({ description: "The same for outputs; as `style` by default" }),
    shots: z.int().min(1).max(16).default(4).meta({ description: "Examples that are shown" }),
    seed_share: z.number().min(0).max(1).default(0.75).meta({
      description:
        "The share of examples that are seeds; the others are of the examples kept so far, once there are any",
    }),
    answerer: z.string().min(1).max(300).optional().meta({
      description: "A model of yours or a base that writes the outputs, asked over the API; the job's model by default",
    }),
    temperature: z.number().min(0).max(2).default(0.8),
    top_p: z.number().gt(0).max(1).default(1),
    max_tokens: z
      .int()
      .min(1)
      .max(LIMITS.constitutionalTokens)
      .default(128)
      .meta({ description: "Of an instruction, and of an output" }),
    templates: z
      .strictObject({
        intro: z.string().max(2000).default("Here is a list of different tasks."),
        task: z.string().trim().min(1).max(60).default("Task:"),
        answer: z.string().trim().min(1).max(60).default("Answer:"),
      })
      .default({ intro: "Here is a list of different tasks.", task: "Task:", answer: "Answer:" })
      .meta({ description: "Of `few_shot`: what stands above the examples, before each task and before each answer" }),
    filters: FilterSettings.optional().meta({
      description:
        "Which examples are kept: by exactly these filters, and all with `{}`. By default length, duplicates, rouge and format; for `evol` also elimination",
    }),
    contamination_n: z.int().min(2).max(50).default(8).meta({
      description: "Words in a row that count as contamination in the report, if the validation file has them too",
    }),
  })
  .superRefine((given, context) => {
    const refuse = (path: (string | number)[], message: string) => context.addIssue({ code: "custom", path, message });
    if (given.approach !== "evol" && given.operations !== undefined)
      refuse(["operations"], "is for the approach evol alone");
    if (given.approach !== "evol" && given.filters?.elimination !== undefined)
      refuse(["filters", "elimination"], "is for the approach evol alone");
    if (given.rounds * given.per_round > LIMITS.synthesisTexts) {
      const all = given.rounds * given.per_round;
      refuse(
        ["per_round"],
        `makes ${all} instructions in all rounds, but at most ${LIMITS.synthesisTexts} are written`,
      );
    }
    const { task, answer } = given.templates;
    if (task === answer) refuse(["templates", "answer"], "must differ from `task`");
  });
export type SynthesizeSettings = z.infer<typeof SynthesizeSettings>;

/** The filters of a job, with the defaults of its approach. */
export function filtersOf({ approach, filters }: SynthesizeSettings): FilterSettings {
  return filters ?? (approach === "evol" ? EVOL_FILTERS : DEFAULT_FILTERS);
}

/** Checks what no schema can say of the grader. Throws `invalid_request`. */
export function checkSynthesis({ filters }: SynthesizeSettings, path: string): void {
  if (filters?.grade !== undefined) checkGrader(filters.grade.grader, `${path}.filters.grade.grader`);
}

/** The models that are asked over the API, each with its field. */
export function modelsAskedBySynthesis({ answerer, filters }: SynthesizeSettings): { name: string; param: string }[] {
  const grader = filters?.grade?.grader;
  const graders = grader === undefined ? [] : modelsOf(grader, "filters.grade.grader");
  return [
    ...(answerer === undefined ? [] : [{ name: answerer, param: "answerer" }]),
    ...graders.map(({ model, param }) => ({ name: model, param })),
  ];
}
