import { expect, it } from "vitest";
import { checkSmallFiles } from "../../../shared/model/check-small-files.ts";
import { tinyModel } from "../../trainer/tiny-model.ts";

type Change = string | undefined | ((json: Record<string, unknown>) => Record<string, unknown>);

/** Checks a sound folder with changes, and returns its problems as text. */
async function check(changes: Readonly<Record<string, Change>> = {}) {
  const { problems } = await checked(changes);
  return problems.map(({ file, field, reason }) => [file, field, reason].filter((part) => part !== "").join(": "));
}

function checked(changes: Readonly<Record<string, Change>>) {
  const folder = tinyModel();
  const decoder = new TextDecoder();
  for (const [name, change] of Object.entries(changes)) {
    const text =
      typeof change === "function" ? JSON.stringify(change(JSON.parse(decoder.decode(folder.get(name))))) : change;
    if (text === undefined) folder.delete(name);
    else folder.set(name, new TextEncoder().encode(text));
  }
  return checkSmallFiles({ has: (name) => folder.has(name), bytes: (name) => folder.get(name)! });
}

it("notes what the chat template cannot do, which is no problem", async () => {
  const notes = async (template: string | undefined) => {
    const { problems, notes } = await checked({ "chat_template.jinja": template });
    expect(problems).toEqual([]);
    return notes;
  };
  const turns = "{% for m in messages %}{{ m.role ~ ': ' ~ m.content }}";
  const call = "{{ '<call>' ~ c.function.name ~ ' ' ~ c.function.arguments | tojson ~ '</call>' }}";
  const end = "{{ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";
  expect(await notes(`${turns}${end}`)).toEqual([
    "Requests with tools are refused: its chat template does not show tools to the model.",
  ]);
  const tools = `{{ tools | tojson if tools else '' }}${turns}`;
  expect(await notes(`${tools}{% for c in m.tool_calls or [] %}${call}{% endfor %}${end}`)).toEqual([]);
  expect(await notes(`${tools}{% if m.tool_calls %}{% set c = m.tool_calls[0] %}${call}{% endif %}${end}`)).toEqual([
    "A reply has one call at most, as its chat template has it.",
  ]);
});

it("finds nothing wrong with a sound folder, with or without a template and generation defaults", async () => {
  expect(await check()).toEqual([]);
  expect(await check({ "generation_config.json": undefined, "chat_template.jinja": undefined })).toEqual([]);
});

it("lists what is wrong with every file at once", async () => {
  const problems = await check({
    "config.json": (json) => ({ ...json, vocab_size: null, hidden_act: "relu" }),
    "generation_config.json": "{",
    "tokenizer_config.json": (json) => ({ ...json, eos_token: null }),
  });
  expect(problems).toEqual([
    'config.json: hidden_act: "relu" is not supported; only silu is',
    "config.json: vocab_size: missing; must be a whole number from 1 to 1000000",
    expect.stringMatching(/^generation_config\.json: is not valid JSON: /),
    expect.stringMatching(/^tokenizer_config\.json: has no eos_token/),
  ]);
});

it("names missing files and damaged text", async () => {
  expect(await check({ "config.json": undefined, "tokenizer.json": "[]" })).toEqual([
    "config.json: is missing",
    "tokenizer.json: must be a JSON object",
  ]);
});

it("holds the generation defaults to the model's vocabulary", async () => {
  expect(await check({ "generation_config.json": JSON.stringify({ eos_token_id: 420, top_p: 2 }) })).toEqual([
    "generation_config.json: top_p: must be a number above 0, and at most 1, got 2",
    expect.stringMatching(/^generation_config\.json: eos_token_id: .*got 420$/),
  ]);
});

it("refuses a tokenizer that writes tokens without an embedding", async () => {
  const problems = await check({ "config.json": (json) => ({ ...json, vocab_size: 300 }) });
  expect(problems[0]).toMatch(
    /^tokenizer\.json: the token ".+" has the id \d+, but vocab_size in config\.json is 300 \(\d+ such tokens\); the tokenizer belongs to another model$/,
  );
});

it("tries the template on conversations, and lets it refuse all but a plain question", async () => {
  const template = (text: string) => check({ "chat_template.jinja": text });
  const refusing = (role: string) =>
    `{% for m in messages %}{% if m.role == '${role}' %}{{ raise_exception('no ${role}') }}{% endif %}{{ m.content }}{% endfor %}`;
  expect(await template(refusing("system"))).toEqual([]);
  expect(await template(refusing("user"))).toEqual([
    expect.stringMatching(/^chat_template\.jinja: fails on a conversation of user: .*no user/),
  ]);
  expect(await template("{% for m in messages %}")).toEqual([expect.stringMatching(/^chat_template\.jinja: fails on/)]);
  expect(await template("{{ undefined_thing.field.more }}")).toHaveLength(1);
  expect(await template("{# nothing #}")).toEqual(["chat_template.jinja: renders nothing for a question"]);
});
