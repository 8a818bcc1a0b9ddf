/** Constitutions: the principles by which replies are criticised, revised and compared. */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { parseTemplate } from "../graders/template.ts";
import { LIMITS } from "../limits.ts";
import { listSchema, pageQuery } from "./lists.ts";
import { parseVersionedName, versionedName, versionedReference } from "./versioned-names.ts";

const NAMES = { what: "a constitution", length: LIMITS.constitutionName, example: "kindness" };

export const ConstitutionName = versionedName(NAMES);
export const ConstitutionReference = versionedReference(NAMES);
export const parseConstitutionReference = (text: string) => parseVersionedName(text, NAMES);

const line = (length: number, description: string) =>
  z
    .string()
    .max(length)
    .refine((text) => text.trim() !== "", "must not be blank")
    .meta({ description });

export const Principle = z
  .strictObject({
    principle: line(LIMITS.principleLength, "What a reply should be, as a sentence"),
    name: line(LIMITS.constitutionName, "For people and files; the principle itself by default").optional(),
    critique: line(LIMITS.principleLength, "Asks for a critique; made from the principle by default").optional(),
    revision: line(LIMITS.principleLength, "Asks for a revision; made from the principle by default").optional(),
  })
  .meta({ id: "Principle" });
export type Principle = z.infer<typeof Principle>;

export const CritiqueExample = z
  .strictObject({
    prompt: line(LIMITS.critiqueLength, "What was asked"),
    reply: line(LIMITS.critiqueLength, "What was answered"),
    principle: line(LIMITS.principleLength, "What the critique goes by; nothing in particular by default").optional(),
    critique: line(LIMITS.critiqueLength, "How the reply falls short"),
    revision: line(LIMITS.critiqueLength, "A better reply"),
  })
  .meta({ id: "CritiqueExample" });
export type CritiqueExample = z.infer<typeof CritiqueExample>;

/** The fields that a prompt for labels can show, and those that it must. */
const LABEL_FIELDS = ["principle", "prompt", "a", "b"];
const SHOWN_FIELDS = ["a", "b"];

const labelPrompt = z
  .string()
  .max(LIMITS.critiqueLength)
  .superRefine((text, context) => {
    const refuse = (message: string) => context.addIssue({ code: "custom", message });
    try {
      const paths = parseTemplate(text, "label_prompt").filter((part) => typeof part !== "string");
      const names = paths.map(({ namespace, steps }) => (namespace === "item" && steps.length === 1 ? steps[0]! : ""));
      const known = LABEL_FIELDS.map((name) => `{{item.${name}}}`);
      if (names.some((name) => !LABEL_FIELDS.includes(name))) refuse(`can show ${known.join(", ")} and nothing else`);
      if (!SHOWN_FIELDS.every((name) => names.includes(name))) refuse("must show both {{item.a}} and {{item.b}}");
    } catch (error) {
      if (!(error instanceof TrimtabError)) throw error;
      refuse(error.message.replace(/^`label_prompt` /, ""));
    }
  })
  .meta({
    description:
      "What a judge is asked to label two replies, which it answers with A or B; {{item.principle}}, {{item.prompt}}, {{item.a}} and {{item.b}} are filled in",
  });

const content = {
  principles: z
    .array(Principle)
    .min(1)
    .max(LIMITS.principles)
    .meta({ description: "One is drawn for each critique and for each label" }),
  examples: z
    .array(CritiqueExample)
    .max(LIMITS.critiqueExamples)
    .optional()
    .meta({ description: "Shown to the model before what it is to criticise and revise" }),
  label_prompt: labelPrompt.optional(),
};

/** Longer ones would make the jobs that keep a copy of it too long to list. */
function requireLength(given: object, context: z.core.$RefinementCtx): void {
  const { length } = JSON.stringify(given);
  if (length <= LIMITS.constitutionLength) return;
  const message = `must have at most ${LIMITS.constitutionLength} characters of JSON in all, but has ${length}`;
  context.addIssue({ code: "custom", path: ["principles"], message });
}

/** What a version of a constitution holds. */
export interface ConstitutionContent {
  readonly principles: readonly Principle[];
  readonly examples?: readonly CritiqueExample[] | undefined;
  readonly label_prompt?: string | undefined;
}

/** A constitution inside a job: given there, or the copy of a version. */
export const InlineConstitution = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(LIMITS.constitutionName + 10)
      .optional()
      .meta({ description: "For people and files; the reference where it is the copy of a version" }),
    ...content,
  })
  .superRefine(requireLength)
  .meta({ id: "InlineConstitution" });
export type InlineConstitution = z.infer<typeof InlineConstitution>;

const description = z
  .string()
  .max(LIMITS.description)
  .optional()
  .meta({ description: "For people; it changes nothing" });

export const CreateConstitution = z
  .strictObject({ name: ConstitutionName, ...content, description })
  .superRefine(requireLength)
  .meta({ id: "CreateConstitution" });
export type CreateConstitution = z.infer<typeof CreateConstitution>;

export const UpdateConstitution = z
  .strictObject({
    ...content,
    description: description.meta({ description: "Stays as it is where left out" }),
    if_version: z
      .int()
      .min(1)
      .optional()
      .meta({ description: "Update it only if this is its version now, so that two updates cannot cross" }),
  })
  .superRefine(requireLength)
  .meta({ id: "UpdateConstitution" });
export type UpdateConstitution = z.infer<typeof UpdateConstitution>;

const shown = {
  version: z.int().meta({ description: "Counts its versions from 1; a version never changes" }),
  principles: z.array(Principle),
  examples: z.array(CritiqueExample),
  label_prompt: z.string().nullable(),
  description: z.string().nullable(),
  created_at: z.int(),
};

export const Constitution = z
  .strictObject({
    id: z.string().meta({ description: "Its name" }),
    object: z.literal("constitution"),
    name: ConstitutionName,
    ...shown,
  })
  .meta({ id: "Constitution" });
export type Constitution = z.infer<typeof Constitution>;

export const ConstitutionVersion = z
  .strictObject({
    id: z.string().meta({ description: "The reference that always means this version", example: "kindness@3" }),
    object: z.literal("constitution.version"),
    ...shown,
  })
  .meta({ id: "ConstitutionVersion" });
export type ConstitutionVersion = z.infer<typeof ConstitutionVersion>;

export const ConstitutionList = listSchema(Constitution).meta({ id: "ConstitutionList" });
export const ConstitutionVersionList = listSchema(ConstitutionVersion).meta({ id: "ConstitutionVersionList" });
export const ConstitutionListQuery = pageQuery();
