/**
 * Presets: named combinations of methods. A preset contains the settings of its methods under AdapterHub's names for them.
 */
import { z } from "zod";
import type { MethodTraits } from "./method.ts";
import { type AnySettings, PEFT_METHODS, PeftSettings, peftMethod, type SettingsOf } from "./registry.ts";

/**
 * Prefix tuning and parallel adapters (He et al., "Towards a Unified View of Parameter-Efficient Transfer Learning", 2022).
 */
export interface MamSettings {
  readonly type: "mam";
  readonly prefix_tuning: Omit<SettingsOf<"prefix">, "type">;
  readonly adapter: Omit<SettingsOf<"bottleneck">, "type">;
}

/**
 * Prefix tuning, Pfeiffer's adapters and LoRA, each with gates (Mao et al., "UniPELT: A Unified Framework for
 * Parameter-Efficient Language Model Tuning", 2022). In the trained model the gates are constants; see
 * infra/adr/gates-without-lookahead.md.
 */
export interface UnipeltSettings {
  readonly type: "unipelt";
  readonly prefix_tuning: Omit<SettingsOf<"prefix">, "type" | "use_gating">;
  readonly adapter: Omit<SettingsOf<"bottleneck">, "type" | "use_gating">;
  readonly lora: Omit<SettingsOf<"lora">, "type" | "use_gating">;
}

export type PresetSettings = MamSettings | UnipeltSettings;

/** The settings of a method or a preset. */
export type ChosenSettings = AnySettings | PresetSettings;

/** The value of a job's `peft` field. */
export type PeftChoice = ChosenSettings | readonly ChosenSettings[];

/** A method of a job, and its place under `peft`: "", `[1]`, `.adapter` or `[1].adapter`. */
export interface PlacedMethod {
  readonly settings: AnySettings;
  readonly place: string;
}

/** The methods that a job trains together, in order. */
export function methodsOf(choice: PeftChoice): PlacedMethod[] {
  if (!isList(choice)) return partsOf(choice, "");
  return choice.flatMap((chosen, index) => partsOf(chosen, `[${index}]`));
}

const SUITS: Readonly<Record<PresetSettings["type"], string>> = {
  mam: "tasks where one small method is not enough; costs a prefix in the context and an adapter in every layer",
  unipelt: "finding out which of three methods a task needs: the gates of the others close",
};
export const PRESET_TYPES = Object.keys(SUITS) as PresetSettings["type"][];

/** The traits that help in choosing a method or preset. */
export function suitsOf(chosen: ChosenSettings): Pick<MethodTraits, "mergeable" | "suits"> {
  if (!isPreset(chosen)) return peftMethod(chosen).traits;
  const mergeable = methodsOf(chosen).every(({ settings }) => peftMethod(settings).traits.mergeable);
  return { mergeable, suits: SUITS[chosen.type] };
}

function partsOf(chosen: ChosenSettings, place: string): PlacedMethod[] {
  switch (chosen.type) {
    case "mam":
      return [
        {
          settings: { ...withNetworkWidth(chosen.prefix_tuning, 800), type: "prefix" },
          place: `${place}.prefix_tuning`,
        },
        { settings: { ...chosen.adapter, type: "bottleneck" }, place: `${place}.adapter` },
      ];
    case "unipelt":
      return [
        {
          settings: { ...withNetworkWidth(chosen.prefix_tuning, 512), ...GATED, type: "prefix" },
          place: `${place}.prefix_tuning`,
        },
        { settings: { ...chosen.adapter, ...GATED, type: "bottleneck" }, place: `${place}.adapter` },
        { settings: { ...chosen.lora, ...GATED, type: "lora" }, place: `${place}.lora` },
      ];
    default:
      return [{ settings: chosen, place }];
  }
}

/** Fills in AdapterHub's default width of the prefix network, if the settings use a network. */
function withNetworkWidth<T extends MamSettings["prefix_tuning"]>(settings: T, width: number): T {
  return settings.prefix_projection
    ? { ...settings, encoder_hidden_size: settings.encoder_hidden_size ?? width }
    : settings;
}

const GATED = { use_gating: true } as const;
const isPreset = (chosen: ChosenSettings): chosen is PresetSettings => chosen.type in SUITS;
const isList = (choice: PeftChoice): choice is readonly ChosenSettings[] => Array.isArray(choice);

/** The schema of a method inside a preset: without `type` and the fields in `without`, and with other defaults. */
function part<T extends "prefix" | "bottleneck" | "lora">(
  type: T,
  defaults: Readonly<Record<string, unknown>>,
  without: readonly string[] = [],
): z.ZodType {
  const { settings } = PEFT_METHODS[type];
  const fields = Object.entries((settings as unknown as z.ZodObject).shape)
    .filter(([name]) => name !== "type" && !without.includes(name))
    .map(([name, field]) => [name, name in defaults ? withDefault(field as z.ZodType, defaults[name]) : field]);
  const schema = z.strictObject(Object.fromEntries(fields)).superRefine((value, context) => {
    // Constraints across several fields are not part of `shape`, so check them with the whole schema.
    const parsed = settings.safeParse({ ...value, type });
    for (const issue of parsed.error?.issues ?? []) context.addIssue({ ...issue, input: value } as never);
  });
  return schema.default(schema.parse({}));
}

function withDefault(field: z.ZodType, value: unknown): z.ZodType {
  const bare = field instanceof z.ZodDefault || field instanceof z.ZodOptional ? (field.unwrap() as z.ZodType) : field;
  const { description } = field.meta() ?? {};
  return description === undefined ? bare.default(value) : bare.default(value).meta({ description });
}

const Mam = z.strictObject({
  type: z.literal("mam"),
  prefix_tuning: part("prefix", { num_virtual_tokens: 30, prefix_projection: true }),
  adapter: part("bottleneck", { config: "par_bn" }),
});

const Unipelt = z.strictObject({
  type: z.literal("unipelt"),
  prefix_tuning: part("prefix", { num_virtual_tokens: 10, prefix_projection: true }, Object.keys(GATED)),
  adapter: part("bottleneck", { config: "seq_bn" }, Object.keys(GATED)),
  lora: part("lora", { target_modules: ["q_proj", "v_proj"] }, Object.keys(GATED)),
});

/** The settings of one method or preset, discriminated by `type`. */
export const ChosenSettings: z.ZodType<ChosenSettings> = z
  .discriminatedUnion("type", [PeftSettings as unknown as z.ZodObject, Mam, Unipelt])
  .meta({ id: "PeftSettings" }) as unknown as z.ZodType<ChosenSettings>;
