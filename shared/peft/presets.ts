/**
 * Combinations that have a name. Each stands for a list of methods, whose settings it holds under the names that AdapterHub
 * has for its parts.
 */
import { z } from "zod";
import type { MethodTraits } from "./method.ts";
import { type AnySettings, PEFT_METHODS, PeftSettings, peftMethod, type SettingsOf } from "./registry.ts";

/** Prefix tuning beside parallel adapters (He et al., "Towards a Unified View of Parameter-Efficient Transfer Learning", 2022). */
export interface MamSettings {
  readonly type: "mam";
  readonly prefix_tuning: Omit<SettingsOf<"prefix">, "type">;
  readonly adapter: Omit<SettingsOf<"bottleneck">, "type">;
}

/**
 * Prefix tuning, Pfeiffer's adapters and LoRA, each behind gates (Mao et al., "UniPELT: A Unified Framework for
 * Parameter-Efficient Language Model Tuning", 2022). The gates are constants of the trained model: see
 * infra/adr/gates-without-lookahead.md.
 */
export interface UnipeltSettings {
  readonly type: "unipelt";
  readonly prefix_tuning: Omit<SettingsOf<"prefix">, "type" | "use_gating">;
  readonly adapter: Omit<SettingsOf<"bottleneck">, "type" | "use_gating">;
  readonly lora: Omit<SettingsOf<"lora">, "type" | "use_gating">;
}

export type PresetSettings = MamSettings | UnipeltSettings;

/** One method, or a combination by its name. */
export type ChosenSettings = AnySettings | PresetSettings;

/** What a job says under `peft`. */
export type PeftChoice = ChosenSettings | readonly ChosenSettings[];

/** A method of a job, and where it stands under `peft`: nowhere, `[1]`, `.adapter` or `[1].adapter`. */
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
  mam: "tasks where one small method is not enough, at the price of a prefix in the context and a column of adapters",
  unipelt: "finding out which of three methods a task needs: the gates of the others close",
};
export const PRESET_TYPES = Object.keys(SUITS) as PresetSettings["type"][];

/** What a person who chooses it wants to know. */
export function suitsOf(chosen: ChosenSettings): Pick<MethodTraits, "mergeable" | "suits"> {
  if (!isPreset(chosen)) return peftMethod(chosen).traits;
  const mergeable = methodsOf(chosen).every(({ settings }) => peftMethod(settings).traits.mergeable);
  return { mergeable, suits: SUITS[chosen.type] };
}

function partsOf(chosen: ChosenSettings, place: string): PlacedMethod[] {
  switch (chosen.type) {
    case "mam":
      return [
        { settings: { ...throughNetwork(chosen.prefix_tuning, 800), type: "prefix" }, place: `${place}.prefix_tuning` },
        { settings: { ...chosen.adapter, type: "bottleneck" }, place: `${place}.adapter` },
      ];
    case "unipelt":
      return [
        {
          settings: { ...throughNetwork(chosen.prefix_tuning, 512), ...GATED, type: "prefix" },
          place: `${place}.prefix_tuning`,
        },
        { settings: { ...chosen.adapter, ...GATED, type: "bottleneck" }, place: `${place}.adapter` },
        { settings: { ...chosen.lora, ...GATED, type: "lora" }, place: `${place}.lora` },
      ];
    default:
      return [{ settings: chosen, place }];
  }
}

/** With AdapterHub's width of the network, where there is one and nothing else is said. */
function throughNetwork<T extends MamSettings["prefix_tuning"]>(settings: T, width: number): T {
  return settings.prefix_projection
    ? { ...settings, encoder_hidden_size: settings.encoder_hidden_size ?? width }
    : settings;
}

const GATED = { use_gating: true } as const;
const isPreset = (chosen: ChosenSettings): chosen is PresetSettings => chosen.type in SUITS;
const isList = (choice: PeftChoice): choice is readonly ChosenSettings[] => Array.isArray(choice);

/** The settings of a method as a part of a preset: without its type, with other defaults, and held to all that it holds. */
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
    // What a schema demands of several fields together is not among its fields.
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

/** The settings of one method or preset, told apart by `type`. */
export const ChosenSettings: z.ZodType<ChosenSettings> = z
  .discriminatedUnion("type", [PeftSettings as unknown as z.ZodObject, Mam, Unipelt])
  .meta({ id: "PeftSettings" }) as unknown as z.ZodType<ChosenSettings>;
