/** JSON bodies that take a server as long as a body of their size can: every list and object as full as its route lets it be. */
import { LIMITS } from "../../../shared/limits.ts";
import type { HostileRequest } from "./hostile-requests.ts";

const ROOM = LIMITS.jsonBody - 4096;

/** A list as JSON of as many items as fit into a body. */
function fill(item: string, room = ROOM): string {
  return `[${new Array<string>(Math.floor(room / (item.length + 1))).fill(item).join(",")}]`;
}

/** An object as JSON of as many members as fit into a body. */
function members(value: string, room = ROOM): string {
  const all: string[] = [];
  for (let n = 0, size = 0; size < room - 32; n++) {
    all.push(`"k${n}":${value}`);
    size += all.at(-1)!.length + 1;
  }
  return `{${all.join(",")}}`;
}

const nested = (depth: number, open: string, close: string): string => open.repeat(depth) + close.repeat(depth);
const list = <T>(length: number, item: (index: number) => T): T[] => Array.from({ length }, (_, i) => item(i));
const words = (length: number, seed = 7): string => {
  let state = seed;
  let text = "";
  while (text.length < length) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    text += `${"bcdfghjklmnprstvwz"[state % 18]}${"aeiou"[(state >> 5) % 5]}${state % 3 === 0 ? " " : ""}`;
  }
  return text.slice(0, length);
};

const post = (name: string, path: string, body: (model: string) => string | object): HostileRequest => ({
  name,
  path,
  send: ({ model }) => {
    const made = body(model);
    return {
      body: typeof made === "string" ? made : JSON.stringify(made),
      headers: { "content-type": "application/json" },
    };
  },
});

const completion = (name: string, prompt: string): HostileRequest =>
  post(`completions: ${name}`, "/v1/completions", (model) => `{"model":"${model}","max_tokens":1,"prompt":${prompt}}`);
const chat = (name: string, fields: string): HostileRequest =>
  post(
    `chat: ${name}`,
    "/v1/chat/completions",
    (model) => `{"model":"${model}","max_tokens":1,"messages":[{"role":"user","content":"Hi"}],${fields}}`,
  );

const messages = (text: string): string => fill(`{"role":"user","content":"${text}"}`);

/** Automata of these have states in the thousands. */
const COSTLY_PATTERNS = [
  "(a|b)*a(a|b){12}",
  "(?:[a-z]{1,40} ){1,40}",
  "(.|\\n){0,1000}x",
  "[\\p{L}]{1,200}[\\p{N}]{1,200}",
];

function deepSchema(depth: number): object {
  let schema: object = { type: "string", pattern: "^[a-z]{1,60}$" };
  for (let n = 0; n < depth; n++) {
    schema = {
      type: "object",
      properties: Object.fromEntries(
        list(6, (i): [string, object] => [`field_${n}_${i}`, i === 0 ? schema : { type: "number" }]),
      ),
      required: [],
    };
  }
  return schema;
}

const wideSchema = (fields: number): object => ({
  type: "object",
  properties: Object.fromEntries(
    list(fields, (i): [string, object] => [`p${i}`, { type: "string", enum: list(20, (j) => `value ${i} ${j}`) }]),
  ),
});

const jsonSchema = (schema: object): string =>
  `"response_format":${JSON.stringify({ type: "json_schema", json_schema: { name: "a", schema } })}`;

const lookahead = (n: number): object => ({
  type: "lora",
  r: 8,
  target_modules: `(?=.*${"(?=.*[a-z_.0-9]+)".repeat(6)})(.*)+x${n}`,
});

export const HOSTILE_JSON: readonly HostileRequest[] = [
  completion("a prompt of lists", fill("[]")),
  completion("a prompt of objects", fill("{}")),
  completion("a prompt of token ids", fill("1")),
  completion("a prompt of wrong token ids", fill("-1")),
  completion("prompts of wrong ids", `[${fill("-1", ROOM / 2)},${fill('"a"', ROOM / 2)}]`),
  completion("a prompt of texts", fill('""')),
  completion("one long text", JSON.stringify(words(ROOM))),
  completion("one long word", JSON.stringify("a".repeat(ROOM))),
  completion("one long text without letters", JSON.stringify(" ".repeat(ROOM))),
  completion("a text of many scripts", JSON.stringify("日本語のテキスト🙂é".repeat(ROOM / 30))),
  completion("deep lists", nested(250, "[", "]")),
  completion("unknown fields", `"Hi",${members("1").slice(1, -1)}`),
  completion("token biases", `"Hi","logit_bias":${members("0")}`),
  completion("stop sequences", `"Hi","stop":${fill('"ab"')}`),
  completion("deltas", `"Hi","deltas":${fill('{"id":"a"}')}`),
  completion("metadata", `"Hi","metadata":${members('"b"')}`),
  completion("nulls", `"Hi","metadata":${members("null")}`),
  completion("escaped keys", `"Hi","metadata":${members('"\\u0041\\u0042"')}`),
  completion("steering phrases", `"Hi","steering":{"ban_phrases":${fill('"ab cd"')}}`),
  completion("steering of everything", `"Hi","steering":${members("[]")}`),
  ...COSTLY_PATTERNS.map((pattern, n) =>
    completion(`pattern ${n}`, `"Hi","steering":{"regex":${JSON.stringify(pattern)}}`),
  ),
  chat("many messages", `"user":"a","metadata":{},"stop":${fill('""')}`),
  post(
    "chat: a body of messages",
    "/v1/chat/completions",
    (model) => `{"model":"${model}","max_tokens":1,"messages":${messages("")}}`,
  ),
  post("chat: messages up to the cap", "/v1/chat/completions", (model) => ({
    model,
    max_tokens: 1,
    messages: list(LIMITS.messages, (i) => ({ role: i % 2 === 0 ? "user" : "assistant", content: words(900, i) })),
  })),
  post(
    "chat: parts of contents",
    "/v1/chat/completions",
    (model) =>
      `{"model":"${model}","max_tokens":1,"messages":[{"role":"user","content":${fill('{"type":"text","text":"a"}')}}]}`,
  ),
  post("chat: bad messages", "/v1/chat/completions", (model) => `{"model":"${model}","messages":${fill("{}")}}`),
  chat("tools", `"tools":${fill('{"type":"function","function":{"name":"a"}}')}`),
  chat(
    "tools up to the cap",
    `"tools":${JSON.stringify(list(LIMITS.tools, (i) => ({ type: "function", function: { name: `f${i}`, parameters: wideSchema(6) } })))},"tool_choice":"required"`,
  ),
  chat("a deep schema", jsonSchema(deepSchema(24))),
  chat("a wide schema", jsonSchema(wideSchema(800))),
  chat(
    "a schema of patterns",
    jsonSchema({
      type: "object",
      properties: Object.fromEntries(
        list(64, (i): [string, object] => [`p${i}`, { type: "string", pattern: `^(a|b)*a(a|b){${i % 10}}$` }]),
      ),
    }),
  ),
  chat(
    "a schema of alternatives",
    jsonSchema({
      anyOf: list(2000, (i) => ({ type: "object", properties: { [`k${i}`]: { const: i } }, required: [`k${i}`] })),
    }),
  ),
  chat("log-probabilities and choices", `"n":16,"logprobs":true,"top_logprobs":20`),
  post(
    "responses: items",
    "/v1/responses",
    (model) => `{"model":"${model}","max_output_tokens":16,"input":${fill('{"role":"user","content":"a"}')}}`,
  ),
  post(
    "responses: parts",
    "/v1/responses",
    (model) =>
      `{"model":"${model}","max_output_tokens":16,"input":[{"role":"user","content":${fill('{"type":"input_text","text":"a"}')}}]}`,
  ),
  post("responses: bad items", "/v1/responses", (model) => `{"model":"${model}","input":${fill("[]")}}`),
  post("tokenize: a long text", "/tokenize", (model) => ({ model, prompt: words(LIMITS.tokenizedText) })),
  post("tokenize: one word", "/tokenize", (model) => ({ model, prompt: "x".repeat(LIMITS.tokenizedText) })),
  post("tokenize: messages", "/tokenize", (model) => ({
    model,
    messages: list(1000, (i) => ({ role: "user", content: words(900, i) })),
  })),
  post("detokenize: ids", "/detokenize", (model) => `{"model":"${model}","tokens":${fill("7")}}`),
  post("compare: lookahead patterns", "/v1/peft/compare", (model) => ({ model, methods: list(64, lookahead) })),
  post("compare: long alternatives", "/v1/peft/compare", (model) => ({
    model,
    methods: list(64, (n) => ({
      type: "lora",
      target_modules: `(${list(18, (i) => `.*${i}.*`).join("|")})*q_proj${n}`,
    })),
  })),
  post("compare: methods of lists", "/v1/peft/compare", (model) => `{"model":"${model}","methods":${fill("{}")}}`),
  post("compare: every module named", "/v1/peft/compare", (model) => ({
    model,
    methods: list(64, (n) => ({ type: "lora", target_modules: list(256, (i) => `layers.${i}.x${n}`) })),
  })),
  post(
    "jobs: lists",
    "/v1/fine_tuning/jobs",
    (model) => `{"model":"${model}","training_file":"f","method":${fill("{}")}}`,
  ),
  post(
    "jobs: metadata",
    "/v1/fine_tuning/jobs",
    (model) => `{"model":"${model}","training_file":"f","metadata":${members('"a"')}}`,
  ),
  post("rewards: inputs", "/v1/rewards", (model) => `{"model":"${model}","inputs":${fill('{"text":"a"}')}}`),
  post(
    "evals: criteria",
    "/v1/evals",
    () =>
      `{"data_source_config":{"type":"custom","item_schema":${members("{}")}},"testing_criteria":${fill("{}", 4096)}}`,
  ),
  post("graders: a formula", "/v1/fine_tuning/alpha/graders/validate", () => ({
    grader: { type: "multi", graders: {}, calculate_output: "(".repeat(1000) },
  })),
  post("graders: similar texts", "/v1/fine_tuning/alpha/graders/run", () => ({
    grader: {
      type: "text_similarity",
      name: "a",
      input: "{{sample.output_text}}",
      reference: words(190_000, 3),
      evaluation_metric: "rouge_l",
    },
    model_sample: words(190_000),
  })),
  post("graders: fuzzy texts", "/v1/fine_tuning/alpha/graders/run", () => ({
    grader: {
      type: "text_similarity",
      name: "a",
      input: "{{sample.output_text}}",
      reference: words(190_000, 3),
      evaluation_metric: "fuzzy_match",
    },
    model_sample: words(190_000),
  })),
  post(
    "graders: an item",
    "/v1/fine_tuning/alpha/graders/run",
    () =>
      `{"grader":{"type":"string_check","name":"a","input":"{{item.k7}}","reference":"a","operation":"eq"},"model_sample":"a","item":${members("[1,{}]")}}`,
  ),
  post("edits: many facts", "/v1/edits/check", (model) => ({
    model,
    facts: list(LIMITS.editFacts, (i) => ({
      prompt: `The capital of place ${i} is`,
      subject: `place ${i}`,
      target_new: words(900, i),
      paraphrases: list(32, (n) => `The place ${i} has ${n} as its`),
      neighbours: list(32, (n) => `Of place ${n} that is`),
    })),
  })),
  post(
    "edits: a body of lists",
    "/v1/edits",
    (model) => `{"model":"${model}","facts":${fill("[]", LIMITS.editBody - 4096)}}`,
  ),
  post(
    "edits: paraphrases",
    "/v1/edits",
    (model) =>
      `{"model":"${model}","facts":[{"prompt":"a b","subject":"b","target_new":"c","paraphrases":${fill('""', LIMITS.editBody - 4096)}}]}`,
  ),
  post("tracing: facts", "/v1/models/trimtab-base/causal-trace", () => `{"facts":${fill("{}")}}`),
  post(
    "labeling: prompts",
    "/v1/labeling/projects",
    () => `{"name":"a","task":"ranking","sampling":{},"prompts":${fill('"a"')}}`,
  ),
  post(
    "feedback: a ranking",
    "/v1/feedback",
    () => `{"completion_id":"a","verdict":{"type":"ranking","order":${fill("{}")}}}`,
  ),
  post(
    "sweep: a grid",
    "/v1/steering/sweep",
    (model) => `{"model":"${model}","prompts":["a"],"steering":{},"grid":${members("[1,2]")}}`,
  ),
  post("presets: a steering object", "/v1/steering/presets", () => `{"name":"a","steering":${members("{}")}}`),
  post("constitutions: principles", "/v1/constitutions", () => `{"name":"a","principles":${fill("{}")}}`),
  post("merge: deltas", "/v1/deltas/merge", (model) => `{"model":"${model}","deltas":${fill('{"id":"a"}')}}`),
  post(
    "permissions: projects",
    "/v1/fine_tuning/checkpoints/ftckpt_a/permissions",
    () => `{"project_ids":${fill('"a"')}}`,
  ),
  post("preferences: a body of lists", "/v1/preferences/export", () => `{"files":${fill("[]")}}`),
  post("datasets: files", "/v1/datasets/inspect", () => `{"files":${fill('"file-a"')}}`),
];
