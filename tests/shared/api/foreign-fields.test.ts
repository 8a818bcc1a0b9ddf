import { describe, expect, it } from "vitest";
import { CreateChatCompletion } from "../../../shared/api/chat.ts";
import { CreateCompletion } from "../../../shared/api/completions.ts";
import { FOREIGN_FIELDS, type ForeignField } from "../../../shared/api/foreign-fields.ts";
import { requestError } from "../../../shared/api/parse.ts";
import { CreateResponse } from "../../../shared/api/responses.ts";

const APIS = {
  chat: { schema: CreateChatCompletion, body: { model: "m", messages: [{ role: "user", content: "a" }] } },
  completion: { schema: CreateCompletion, body: { model: "m", prompt: "a" } },
  response: { schema: CreateResponse, body: { model: "m", input: "a" } },
} as const;
/** One of these at least is wrong for any field. */
const OTHERS = [true, false, 0, 1, 0.5, -3, "", "x", [], ["x"], {}, { a: 1 }];

const apis = Object.keys(APIS) as (keyof typeof APIS)[];
const rows = apis.flatMap((api) =>
  Object.entries(FOREIGN_FIELDS[api] as Record<string, ForeignField>).map(([name, field]) => ({ api, name, field })),
);
describe.each(rows)("$name of a $api", ({ api, name, field }) => {
  const { schema, body } = APIS[api];

  it("is accepted where it asks for nothing", () => {
    for (const value of field.neutral) expect(schema.safeParse({ ...body, [name]: value }).error).toBeUndefined();
  });

  it("is refused by name where it asks for something", () => {
    const neutral = field.neutral.map((value) => JSON.stringify(value));
    const others = OTHERS.filter((value) => !neutral.includes(JSON.stringify(value)));
    expect(others.length).toBeGreaterThan(8);
    for (const value of others) {
      const wrong = { ...body, [name]: value };
      const { error } = schema.safeParse(wrong);
      const instead = neutral.length === 0 ? "remove it" : `remove it or send ${neutral.join(" or ")}`;
      expect(error, JSON.stringify(value)).toBeDefined();
      expect(requestError(error!, wrong)).toMatchObject({
        code: "unsupported_parameter",
        param: name,
        message: `\`${name}\` is not supported by this server, which cannot ${field.cannot}; ${instead}.`,
      });
    }
  });
});

describe.each(apis)("OpenAI's own fields of a %s", (api) => {
  const { schema, body } = APIS[api];
  const neutral: Record<keyof typeof APIS, Record<string, unknown>[]> = {
    chat: [
      { n: 1, presence_penalty: 0, frequency_penalty: 0, logit_bias: {}, top_logprobs: 0, logprobs: false, stop: [] },
      { stream: false, stream_options: { include_usage: false, continuous_usage_stats: false } },
      { metadata: {}, tools: [], functions: [], reasoning_effort: "none", verbosity: "medium", modalities: ["text"] },
      { reasoning: {} },
      { reasoning: { effort: "none", enabled: false } },
      { min_tokens: 0, ignore_eos: false },
    ],
    completion: [{ echo: false, best_of: 1, suffix: "", logit_bias: {}, stream_options: { include_usage: false } }],
    response: [{ top_logprobs: 0, metadata: {}, reasoning: { effort: "none" }, text: { verbosity: "medium" } }],
  };

  it("are accepted where they ask for nothing", () => {
    for (const fields of neutral[api]) {
      expect(schema.safeParse({ ...body, ...fields }).error, JSON.stringify(fields)).toBeUndefined();
    }
  });
});

it.each([
  { reasoning: { effort: "high" } },
  { reasoning: { enabled: true } },
  { stream_options: { continuous_usage_stats: true } },
])("a chat names what it cannot do in %j", (fields) => {
  const wrong = { ...APIS.chat.body, ...fields };
  const { error } = CreateChatCompletion.safeParse(wrong);
  const [outer] = Object.keys(fields);
  expect(requestError(error!, wrong)).toMatchObject({
    code: "unsupported_parameter",
    param: expect.stringMatching(new RegExp(`^${outer}\\.`)),
  });
});
