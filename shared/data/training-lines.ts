/**
 * The lines of a supervised dataset, in the formats that people have, as one kind of example. The edge checks an upload
 * with this and the trainer reads it with this, so what was accepted can be trained on.
 */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { type JsonlOptions, parseJsonl } from "../formats/jsonl.ts";
import { quoteName } from "../formats/strict-json.ts";

/** A conversation to learn the assistant's turns of, or a text to learn the continuation of. */
export type Example =
  | { readonly kind: "chat"; readonly messages: readonly TrainingMessage[]; readonly tools?: readonly unknown[] }
  | { readonly kind: "completion"; readonly prompt: string; readonly completion: string };

export interface TrainingMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  /** 0: learn nothing from this turn of the assistant's. */
  readonly weight?: 0 | 1;
  readonly [field: string]: unknown;
}

const MAX_MESSAGES = 1000;
const text = z.string();
/** OpenAI's list of content parts; only text can be trained on. */
const content = z.union(
  [
    text,
    z
      .array(z.strictObject({ type: z.literal("text", "only text parts can be trained on"), text }))
      .min(1)
      .transform((parts) => parts.map((part) => part.text).join("")),
  ],
  "must be a text",
);
const toolCall = z.strictObject({
  id: z.string().optional(),
  type: z.literal("function"),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});
const name = z.string().max(64).optional();

const message = z.discriminatedUnion(
  "role",
  [
    z.strictObject({ role: z.literal("system"), content, name }),
    z.strictObject({ role: z.literal("developer").transform(() => "system" as const), content, name }),
    z.strictObject({ role: z.literal("user"), content, name }),
    z.strictObject({ role: z.literal("tool"), content, name, tool_call_id: z.string().optional() }),
    z
      .strictObject({
        role: z.literal("assistant"),
        content: content.nullish(),
        name,
        weight: z.union([z.literal(0), z.literal(1)], "must be 0 or 1").optional(),
        tool_calls: z.array(toolCall).min(1).optional(),
        refusal: z.null().optional(),
      })
      .refine((turn) => turn.content != null || turn.tool_calls !== undefined, {
        path: ["content"],
        message: "must be a text where there are no tool_calls",
      })
      .transform(({ refusal: _, ...turn }) => ({ ...turn, content: turn.content ?? "" })),
  ],
  "must be system, developer, user, assistant or tool",
);

const shareGptRoles = {
  system: "system",
  human: "user",
  user: "user",
  gpt: "assistant",
  chatgpt: "assistant",
  bing: "assistant",
  bard: "assistant",
  model: "assistant",
  assistant: "assistant",
} as const;
const shareGptRole = z
  .enum(Object.keys(shareGptRoles) as (keyof typeof shareGptRoles)[])
  .transform((from) => shareGptRoles[from]);

/** Columns that datasets of these kinds carry beside what is trained on. */
const label = z.union([z.string(), z.number(), z.boolean(), z.null()]).optional();
const extras = { id: label, source: label, category: label, dataset: label };

interface Format {
  readonly name: string;
  /** The fields by which a line is known to be of this format. */
  readonly keys: readonly string[];
  readonly schema: z.ZodType<Example>;
}

const FORMATS: readonly Format[] = [
  {
    name: "chat",
    keys: ["messages"],
    schema: z
      .strictObject({
        messages: z.array(message).min(1, "must not be empty").max(MAX_MESSAGES),
        tools: z.array(z.looseObject({ type: z.literal("function") })).optional(),
        parallel_tool_calls: z.boolean().optional(),
      })
      .transform(({ messages, tools }) => chat(messages as TrainingMessage[], tools)),
  },
  {
    name: "prompt and completion",
    keys: ["prompt", "completion"],
    schema: z
      .strictObject({ prompt: text, completion: text.min(1, "must not be empty"), ...extras })
      .transform(({ prompt, completion }) => ({ kind: "completion" as const, prompt, completion })),
  },
  {
    name: "ShareGPT",
    keys: ["conversations"],
    schema: z
      .strictObject({
        conversations: z
          .array(
            z.strictObject({
              from: shareGptRole,
              value: text,
              weight: z.union([z.literal(0), z.literal(1)]).nullish(),
            }),
          )
          .min(1, "must not be empty")
          .max(MAX_MESSAGES),
        system: text.nullish(),
        ...extras,
      })
      .transform(({ conversations, system }) =>
        chat([
          ...turns(system ?? "", "system"),
          ...conversations.map(({ from, value, weight }) => ({
            role: from,
            content: value,
            ...(from === "assistant" && weight != null ? { weight } : {}),
          })),
        ]),
      ),
  },
  {
    name: "OpenOrca",
    keys: ["question", "response"],
    schema: z
      .strictObject({ system_prompt: text.nullish(), question: text, response: text, ...extras })
      .transform(({ system_prompt, question, response }) =>
        chat([...turns(system_prompt ?? "", "system"), user(question), assistant(response)]),
      ),
  },
  {
    name: "Alpaca",
    keys: ["instruction", "output"],
    schema: z
      .strictObject({
        instruction: text,
        input: text.nullish(),
        output: text,
        system: text.nullish(),
        text: label,
        ...extras,
      })
      .transform(({ instruction, input, output, system }) =>
        chat([...turns(system ?? "", "system"), user(joined(instruction, input)), assistant(output)]),
      ),
  },
  {
    name: "Dolly",
    keys: ["instruction", "response"],
    schema: z
      .strictObject({ instruction: text, context: text.nullish(), response: text, ...extras })
      .transform(({ instruction, context, response }) =>
        chat([user(joined(instruction, context)), assistant(response)]),
      ),
  },
  {
    name: "FLAN and Natural Instructions",
    keys: ["inputs", "targets"],
    schema: z
      .strictObject({
        definition: z.union([text, z.array(text).min(1)]).nullish(),
        inputs: text,
        targets: z.union([text, z.array(text).min(1)]),
        task: label,
        task_name: label,
        template_type: label,
        template_idx: label,
        task_source: label,
        ...extras,
      })
      .transform(({ definition, inputs, targets }) =>
        // Where several answers are right, the first is the one to learn.
        chat([user(joined([definition ?? []].flat().join("\n"), inputs)), assistant([targets].flat()[0]!)]),
      ),
  },
];

export interface TrainingLine {
  /** The line of the file, counted from 1. */
  readonly line: number;
  readonly example: Example;
}

/** Every line of a dataset that is in memory. Throws `invalid_file` at the first one that is wrong. */
export function* parseTrainingFile(
  bytes: Uint8Array,
  options: JsonlOptions = {},
): Generator<TrainingLine, void, undefined> {
  for (const { number, value } of parseJsonl(bytes, options)) {
    yield { line: number, example: parseTrainingLine(value, number, options.name) };
  }
}

/**
 * Reads one line. Throws `invalid_file` with the line's number, the field and what was wrong with it.
 * `file` is what the message calls the file.
 */
export function parseTrainingLine(value: unknown, line: number, file = "the file"): Example {
  const refuse = (problem: string, field?: string) =>
    new TrimtabError("invalid_file", `line ${line} of ${file}${problem}`, {
      data: { line, ...(field ? { field } : {}) },
    });
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refuse(" is not a JSON object");
  }
  const format = FORMATS.find(({ keys }) => keys.every((key) => Object.hasOwn(value, key)));
  if (format === undefined) {
    const found = Object.keys(value).slice(0, 8).map(quoteName).join(", ") || "none";
    const known = FORMATS.map(({ name, keys }) => `${keys.join(" + ")} (${name})`).join("; ");
    throw refuse(` fits no known format: its fields are ${found}; expected ${known}`);
  }
  const result = format.schema.safeParse(value);
  if (result.success) return result.data;
  const issue = deepest(result.error.issues[0]!);
  const field = issue.path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  throw refuse(`: ${field ? `${field.replace(/^\./, "")}: ` : ""}${issue.message}`, field.replace(/^\./, ""));
}

/** Of a union's branches, the issue of the one that got furthest: it says what is wrong, not that nothing matched. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const branches = issue.errors.map((issues) => issues[0]).filter((first) => first !== undefined);
  const best = branches
    .map(deepest)
    .reduce<z.core.$ZodIssue | undefined>(
      (found, branch) => (branch.path.length > (found?.path.length ?? 0) ? branch : found),
      undefined,
    );
  return best === undefined ? issue : { ...best, path: [...issue.path, ...best.path] };
}

function chat(messages: readonly TrainingMessage[], tools?: readonly unknown[]): Example {
  return { kind: "chat", messages, ...(tools === undefined ? {} : { tools }) };
}

function user(content: string): TrainingMessage {
  return { role: "user", content };
}

function assistant(content: string): TrainingMessage {
  return { role: "assistant", content };
}

/** No turn for an empty text. */
function turns(content: string, role: "system"): TrainingMessage[] {
  return content === "" ? [] : [{ role, content }];
}

function joined(instruction: string, input: string | null | undefined): string {
  return [instruction, input ?? ""].filter((part) => part !== "").join("\n\n");
}
