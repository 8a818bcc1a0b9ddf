import { z } from "zod";
import { EDIT_METHODS } from "../edits/report.ts";
import { TrimtabError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { deltaWeight } from "./generate.ts";

const auto = z.literal("auto");
const layer = z.int().min(0).max(511);

/** How facts are solved, as `options` of an edit and as the settings of a job of the type `edit`. */
export const EditOptions = z
  .strictObject({
    layers: z
      .union([
        auto,
        layer,
        z
          .array(layer)
          .min(1)
          .max(32)
          .refine((layers) => new Set(layers).size === layers.length, "must name each layer once"),
      ])
      .default("auto")
      .meta({
        description:
          "The layers whose `mlp.down_proj` is changed; `rome` changes one. `auto`: where causal tracing finds that facts are recalled",
      }),
    clamp: z
      .union([auto, z.number().gt(0).max(100)])
      .default("auto")
      .meta({
        description: "The longest change of a value over the value's own length; `auto`: 4 for rome, 0.75 otherwise",
      }),
    kl_factor: z.number().min(0).max(100).default(0.0625).meta({
      description: "Weight of the divergence from the unedited model where it says what the subject is",
    }),
    weight_decay: z.number().min(0).max(100).default(0.5),
    learning_rate: z
      .union([auto, z.number().gt(0).max(100)])
      .default("auto")
      .meta({ description: "Of Adam, by which values are found; `auto`: a share of the length of the unedited value" }),
    steps: z
      .union([auto, z.int().min(1).max(200)])
      .default("auto")
      .meta({
        description:
          "The most steps in which a value is found; `auto`: 30, or 10 for each token of the longest target if it has more than 6 tokens",
      }),
    prefixes: z.int().min(0).max(64).default(3).meta({
      description: "Random texts before the prompt, so that the edit holds in other contexts",
    }),
    lambda: z
      .union([auto, z.number().min(0).max(1e9)])
      .default("auto")
      .meta({ description: "memit: weight of the key statistics. alphaedit: weight of the change's own length" }),
    null_space_threshold: z
      .union([auto, z.number().gt(0).max(1e9)])
      .default("auto")
      .meta({ description: "alphaedit: the largest eigenvalue of the key statistics that counts as unused" }),
    norm_scaling: z
      .union([auto, z.boolean()])
      .default("auto")
      .meta({ description: "Keep values at the length of the unedited model's; `auto`: in sequences of edits" }),
    batch_size: z
      .union([auto, z.int().min(1).max(LIMITS.editFacts)])
      .default("auto")
      .meta({ description: "Facts that are solved together; the batches follow one after the other. `auto`: all" }),
    rounds: z
      .union([auto, z.int().min(1).max(16)])
      .default("auto")
      .meta({
        description:
          "The most times that a batch is solved: facts that do not hold are found and solved again. 1: as published; `auto`: 1 for rome, 4 otherwise",
      }),
    refine: z
      .union([auto, z.int().min(0).max(1_000)])
      .default("auto")
      .meta({
        description:
          "Steps by which the solved change is then improved as a whole, on all facts and on texts that it shall leave alone. 0: as published; `auto`: by the number of facts for memit, 0 otherwise",
      }),
    rank: z.int().min(1).max(65_536).optional().meta({
      description: "The highest rank of a layer's change; defaults to what this model's servers take",
    }),
    statistics_tokens: z.int().min(1000).max(100_000).default(30_000).meta({
      description: "Tokens of text over which the key statistics are taken",
    }),
    format: z.enum(["text", "chat"]).default("text").meta({
      description: "`chat`: each prompt is a user's turn, and the target begins the assistant's reply",
    }),
    publish: z.enum(["held", "always"]).default("held").meta({
      description: "`always`: publish the best attempt even if no fact holds",
    }),
  })
  .meta({ id: "EditOptions" });
export type EditOptions = z.output<typeof EditOptions>;

export const EDIT_OPTION_DEFAULTS: EditOptions = EditOptions.parse({});

export const EditMethodChoice = z.enum(["auto", ...EDIT_METHODS]).meta({
  description:
    "`auto`: rome for one fact by itself, otherwise memit, which holds the keys of earlier edits and batches",
});

/** The settings of a job that edits facts. Its training file has the facts; its validation file, if any, texts for the key statistics. */
export const EditSettings = z.strictObject({
  method: EditMethodChoice.default("auto"),
  options: EditOptions.default(EDIT_OPTION_DEFAULTS),
  on: z
    .array(z.strictObject({ id: z.string().min(1).max(300), weight: deltaWeight.default(1) }))
    .max(LIMITS.deltasPerRequest)
    .default([])
    .meta({ description: "The deltas on which the edit is solved; its own delta does not contain them" }),
  check_only: z.boolean().default(false).meta({ description: "Look for conflicts and change nothing" }),
});
export type EditSettings = z.output<typeof EditSettings>;

/** Throws `invalid_request`, naming the field, for a layer that the model does not have, and for several where rome takes one. */
export function checkEdit({ method, options }: EditSettings, model: { readonly layers: number }, path: string): void {
  const { layers } = options;
  const given = layers === "auto" ? [] : [layers].flat();
  const param = `${path}.options.layers`;
  const missing = given.find((each) => each >= model.layers);
  if (missing !== undefined) {
    throw new TrimtabError(
      "invalid_request",
      `\`${param}\` names layer ${missing}, but this model has the layers 0 to ${model.layers - 1}.`,
      { param },
    );
  }
  if (method === "rome" && given.length > 1) {
    throw new TrimtabError(
      "invalid_request",
      `\`${param}\` names ${given.length} layers, but rome changes one; choose one of them, or memit.`,
      { param },
    );
  }
}

/** The deltas on which an edit is solved, each with its field below the settings. */
export function modelsOfEdit({ on }: EditSettings) {
  return on.map(({ id }, i) => ({ name: id, param: `on[${i}].id` }));
}

/** The settings of a job that finds where a base recalls facts. It changes nothing; its result is the file `tracing.json`. */
export const CausalTracingSettings = z.strictObject({
  source: z.enum(["base", "file"]).default("base").meta({
    description:
      "`base`: the facts of the base's evaluation.json that it knows, and those of the training file if it has none; such a result is kept with the base. `file`: those of the training file",
  }),
  facts: z.int().min(1).max(200).default(50).meta({ description: "The most facts that are traced" }),
  samples: z.int().min(1).max(50).default(4).meta({ description: "Draws of the noise for each fact" }),
  noise: z.number().gt(0).max(100).default(3).meta({
    description: "Standard deviation of the noise on the subject, over that of the embeddings",
  }),
});
export type CausalTracingSettings = z.output<typeof CausalTracingSettings>;
