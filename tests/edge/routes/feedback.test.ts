import { beforeAll, describe, expect, it } from "vitest";
import type { GenerateEvent, GenerateRequest } from "../../../edge/serving/protocol.ts";
import type { Feedback } from "../../../shared/api/feedback.ts";
import { ADMIN_TOKEN, Api } from "../support/api.ts";
import { FakeEngine } from "../support/fake-engine.ts";

const engine = new FakeEngine();
const api = new Api({ ENGINE: engine.binding });
const model = "feedback-base";
const messages = [{ role: "user" as const, content: "Say hello" }];
let key: string;

/** Choice i says "hello i". */
function* numbered({ sampling, prompt }: GenerateRequest): Generator<GenerateEvent> {
  const choices = sampling.n * (prompt.kind === "chat" ? 1 : prompt.prompts.length);
  for (let choice = 0; choice < choices; choice++) {
    yield { type: "token", choice, text: `hello ${choice}` };
    yield { type: "finish", choice, reason: "stop" };
  }
  yield { type: "usage", promptTokens: 1, completionTokens: choices, cachedTokens: 0 };
}

beforeAll(async () => {
  engine.script = numbered;
  await api.base(model);
  key = await api.tenant("judges");
});

const chat = async (n = 3, fields: Record<string, unknown> = {}, as = key) =>
  (
    await api.call<{ id: string }>("POST", "/v1/chat/completions", {
      key: as,
      body: { model, messages, n, store: true, ...fields },
    })
  ).id;
const give = (body: Record<string, unknown>, as = key, headers = {}) =>
  api.call<Feedback>("POST", "/v1/feedback", { key: as, body, headers });
const refused = (body: Record<string, unknown>, as = key) => api.refusal("POST", "/v1/feedback", { key: as, body });
const exported = async (body: Record<string, unknown>, as = key) => {
  const file = await api.call<{ id: string; export: Record<string, unknown> }>("POST", "/v1/feedback/export", {
    key: as,
    body,
  });
  const content = await (await api.send("GET", `/v1/files/${file.id}/content`, { key: as })).text();
  return {
    file,
    lines: content
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line)),
  };
};

describe("a verdict", () => {
  it("keeps what was judged, and what made it", async () => {
    const id = await chat(2, { temperature: 0.5, seed: 7 });
    const given = await give({ completion_id: id, choice: 1, verdict: { type: "thumbs", value: "up" }, rater: "ada" });
    expect(given).toMatchObject({
      id: expect.stringMatching(/^fdbk_/),
      object: "feedback",
      verdict: { type: "thumbs", value: "up" },
      rater: "ada",
      superseded_by: null,
      prompt: { messages },
      answers: [
        {
          completion_id: id,
          choice: 1,
          message: { role: "assistant", content: "hello 1" },
          made: { model, base: { id: model }, deltas: [], sampling: { seed: 7 } },
        },
      ],
    });
    expect(await api.call("GET", `/v1/feedback/${given.id}`, { key })).toEqual(given);
  });

  it("is about a choice of a streamed chat, of a response and of a completion too", async () => {
    const stream = await api.send("POST", "/v1/chat/completions", {
      key,
      body: { model, messages, n: 2, store: true, stream: true },
    });
    const text = await stream.text();
    expect(text).toContain("[DONE]");
    const streamed = /"id":"(chatcmpl-\w+)"/.exec(text)![1]!;
    const response = await api.call<{ id: string; store: boolean }>("POST", "/v1/responses", {
      key,
      body: { model, input: "Say hello", store: true },
    });
    expect(response.store).toBe(true);
    const flow = await (
      await api.send("POST", "/v1/responses", { key, body: { model, input: "hi", store: true, stream: true } })
    ).text();
    const flowing = /"id":"(resp_\w+)"/.exec(flow)![1]!;
    const completion = await api.call<{ id: string }>("POST", "/v1/completions", {
      key,
      body: { model, prompt: ["a", "b"], n: 2, store: true },
    });
    const verdict = { type: "rating", value: 4, scale: { min: 1, max: 5 } };
    for (const [id, choice, content] of [
      [streamed, 1, "hello 1"],
      [response.id, 0, "hello 0"],
      [flowing, 0, "hello 0"],
      [completion.id, 3, "hello 3"],
    ] as const) {
      const given = await give({ completion_id: id, choice, verdict });
      expect(given.answers[0]!.message.content).toBe(content);
    }
    const { prompt } = await give({ completion_id: completion.id, choice: 2, verdict });
    expect(prompt).toEqual({ text: "b" });
    // Choices of two prompts cannot be compared.
    const across = { type: "tie", texts: [{ choice: 1 }, { choice: 2 }] };
    expect(await refused({ completion_id: completion.id, verdict: across })).toMatchObject({
      param: "verdict.texts[1]",
      message: expect.stringContaining("another prompt"),
    });
  });

  it("compares texts of one completion, and of two that answer the same prompt", async () => {
    const [first, second] = [await chat(3), await chat(1)];
    const ranking = await give({
      completion_id: first,
      verdict: { type: "ranking", order: [{ choice: 2 }, { completion_id: second }, { choice: 0 }] },
    });
    expect(ranking.verdict).toEqual({
      type: "ranking",
      order: [
        { completion_id: first, choice: 2 },
        { completion_id: second, choice: 0 },
        { completion_id: first, choice: 0 },
      ],
    });
    const other = await chat(1, { messages: [{ role: "user", content: "Bye" }] });
    const verdict = { type: "preference", better: { completion_id: first }, worse: { completion_id: other } };
    expect(await refused({ verdict })).toMatchObject({ status: 400, param: "verdict.worse" });
  });

  it.each([
    [
      "an id that was not kept",
      { completion_id: "chatcmpl-x", verdict: { type: "thumbs", value: "up" } },
      "completion_id",
    ],
    ["no id", { verdict: { type: "thumbs", value: "up" } }, "completion_id"],
    ["no verdict", { completion_id: "x" }, "verdict"],
    [
      "a rating off its scale",
      { completion_id: "x", verdict: { type: "rating", value: 6, scale: { min: 1, max: 5 } } },
      "verdict.value",
    ],
    [
      "a scale upside down",
      { completion_id: "x", verdict: { type: "rating", value: 3, scale: { min: 5, max: 1 } } },
      "verdict.scale.max",
    ],
    [
      "one text twice",
      { completion_id: "x", verdict: { type: "tie", texts: [{ choice: 1 }, { completion_id: "x", choice: 1 }] } },
      "verdict.texts[1]",
    ],
    ["a text alone", { completion_id: "x", verdict: { type: "ranking", order: [{}] } }, "verdict.order"],
    [
      "a text without an id",
      { verdict: { type: "preference", better: { completion_id: "x" }, worse: {} } },
      "verdict.worse.completion_id",
    ],
    [
      "a choice beside named texts",
      { completion_id: "x", choice: 1, verdict: { type: "tie", texts: [{}, { choice: 1 }] } },
      "choice",
    ],
    ["a rater without a name", { completion_id: "x", rater: "", verdict: { type: "thumbs", value: "up" } }, "rater"],
    ["an unknown verdict", { completion_id: "x", verdict: { type: "stars", value: 5 } }, "verdict.type"],
  ])("is refused with %s", async (_, body, param) => {
    expect(await refused(body)).toMatchObject({ param });
  });

  it("is refused with what to do for a completion that was not kept, and for a choice that there is not", async () => {
    const id = await chat(1, { store: false });
    const verdict = { type: "thumbs", value: "down" };
    expect(await refused({ completion_id: id, verdict })).toMatchObject({
      status: 404,
      message: expect.stringContaining("`store: true`"),
    });
    expect(await refused({ completion_id: await chat(2), choice: 2, verdict })).toMatchObject({
      status: 400,
      param: "choice",
      message: expect.stringContaining("it has 2"),
    });
  });

  it("is never about another tenant's completion", async () => {
    const other = await api.tenant("strangers");
    const id = await chat(1);
    const verdict = { type: "thumbs", value: "down" };
    expect(await refused({ completion_id: id, verdict }, other)).toMatchObject({ status: 404 });
    const own = await chat(1, {}, other);
    const mixed = { type: "preference", better: { completion_id: own }, worse: { completion_id: id } };
    expect(await refused({ verdict: mixed }, other)).toMatchObject({
      status: 404,
      param: "verdict.worse.completion_id",
    });
    expect(await api.call("GET", "/v1/feedback", { key: other })).toMatchObject({ data: [] });
  });

  it("is given once under an Idempotency-Key", async () => {
    const body = { completion_id: await chat(1), verdict: { type: "thumbs", value: "up" } };
    const headers = { "idempotency-key": "one verdict" };
    const first = await give(body, key, headers);
    expect(await give(body, key, headers)).toEqual(first);
    const { data } = await api.call<{ data: Feedback[] }>("GET", `/v1/feedback?completion_id=${body.completion_id}`, {
      key,
    });
    expect(data).toHaveLength(1);
  });

  it("of the same rater on the same texts supersedes the one before, until it is deleted", async () => {
    const id = await chat(2);
    const [better, worse] = [{ choice: 0 }, { choice: 1 }];
    const first = await give({ completion_id: id, rater: "eve", verdict: { type: "preference", better, worse } });
    const other = await give({ completion_id: id, rater: "bob", verdict: { type: "preference", better, worse } });
    const anonymous = await give({ completion_id: id, verdict: { type: "preference", better, worse } });
    const second = await give({ completion_id: id, rater: "eve", verdict: { type: "tie", texts: [worse, better] } });
    const state = async () => {
      const { data } = await api.call<{ data: Feedback[] }>("GET", `/v1/feedback?completion_id=${id}`, { key });
      return Object.fromEntries(data.map((one) => [one.id, one.superseded_by]));
    };
    expect(await state()).toEqual({ [first.id]: second.id, [other.id]: null, [anonymous.id]: null, [second.id]: null });
    await api.call("DELETE", `/v1/feedback/${second.id}`, { key });
    expect(await state()).toEqual({ [first.id]: null, [other.id]: null, [anonymous.id]: null });
    expect(await api.refusal("GET", `/v1/feedback/${second.id}`, { key })).toMatchObject({ status: 404 });
  });

  it("outlives the completion that it is about", async () => {
    const id = await chat(1);
    const given = await give({ completion_id: id, verdict: { type: "thumbs", value: "up" } });
    await api.call("DELETE", `/v1/chat/completions/${id}`, { key });
    expect(await api.call("GET", `/v1/feedback/${given.id}`, { key })).toEqual(given);
  });
});

describe("the list", () => {
  it("is paged and filtered", async () => {
    const lister = await api.tenant("lister");
    const id = await chat(3, {}, lister);
    for (const choice of [0, 1, 2]) {
      await give({ completion_id: id, choice, rater: `r${choice}`, verdict: { type: "thumbs", value: "up" } }, lister);
    }
    const page = await api.call<{ data: Feedback[]; has_more: boolean; last_id: string }>(
      "GET",
      "/v1/feedback?limit=2",
      {
        key: lister,
      },
    );
    expect([page.data.map(({ rater }) => rater), page.has_more]).toEqual([["r2", "r1"], true]);
    const rest = await api.call<{ data: Feedback[] }>("GET", `/v1/feedback?after=${page.last_id}`, { key: lister });
    expect(rest.data.map(({ rater }) => rater)).toEqual(["r0"]);
    const by = async (query: string) =>
      (await api.call<{ data: Feedback[] }>("GET", `/v1/feedback?${query}`, { key: lister })).data.length;
    expect(await by("rater=r1")).toBe(1);
    expect(await by("verdict=thumbs")).toBe(3);
    expect(await by("verdict=tie")).toBe(0);
    expect(await by(`model=${model}`)).toBe(3);
    expect(await by("model=other")).toBe(0);
  });
});

describe("an export", () => {
  let judge: string;
  let id: string;

  beforeAll(async () => {
    judge = await api.tenant("exporter");
    id = await chat(3, {}, judge);
    const order = [{ choice: 2 }, { choice: 0 }, { choice: 1 }];
    await give({ completion_id: id, rater: "ada", verdict: { type: "ranking", order } }, judge);
    await give({ completion_id: id, verdict: { type: "tie", texts: [{ choice: 0 }, { choice: 1 }] } }, judge);
    await give({ completion_id: id, choice: 0, verdict: { type: "thumbs", value: "up" } }, judge);
    await give({ completion_id: id, choice: 1, verdict: { type: "thumbs", value: "down" } }, judge);
  });

  it("of pairs is a file for a dpo job, with where each line comes from", async () => {
    const { file, lines } = await exported({ format: "pairs" }, judge);
    expect(file).toMatchObject({
      object: "file",
      purpose: "fine-tune",
      filename: "feedback-pairs.jsonl",
      dataset: { kinds: expect.arrayContaining(["preference_pairs"]), ignored_columns: ["provenance"] },
      export: {
        format: "pairs",
        judgements: 4,
        lines: 3,
        skipped: { tie: 1, other_kind_of_verdict: 2 },
      },
    });
    expect(lines.map(({ chosen, rejected }) => [chosen[0].content, rejected[0].content])).toEqual([
      ["hello 2", "hello 0"],
      ["hello 2", "hello 1"],
      ["hello 0", "hello 1"],
    ]);
    expect(lines[0]).toMatchObject({
      prompt: messages,
      provenance: { source: "feedback", rater: "ada", made: { chosen: { model }, rejected: { model } } },
    });
    const job = await api.call("POST", "/v1/fine_tuning/jobs", {
      key: judge,
      body: { model, training_file: file.id, method: { type: "dpo" } },
    });
    expect(job).toMatchObject({ status: "queued", training_file: file.id });
  });

  it("of unpaired verdicts is a file for a kto job", async () => {
    const { file, lines } = await exported({ format: "unpaired", filename: "thumbs.jsonl" }, judge);
    expect(lines.map(({ label }) => label)).toEqual([true, false]);
    expect(file).toMatchObject({ filename: "thumbs.jsonl" });
    const job = await api.call("POST", "/v1/fine_tuning/jobs", {
      key: judge,
      body: { model, training_file: file.id, method: { type: "kto" } },
    });
    expect(job).toMatchObject({ status: "queued" });
  });

  it("of rankings and of ratings is a file for a reward_model job", async () => {
    const scale = { min: 1, max: 4 };
    for (const [choice, value] of [1, 4, 2].entries()) {
      await give({ completion_id: id, choice, rater: "rae", verdict: { type: "rating", value, scale } }, judge);
    }
    for (const format of ["rankings", "ratings"]) {
      const { file } = await exported({ format, ...(format === "ratings" ? { filters: { scale } } : {}) }, judge);
      expect(file).toMatchObject({ dataset: { kinds: [format] }, export: { lines: format === "rankings" ? 1 : 3 } });
      const body = { model, training_file: file.id, method: { type: "reward_model" } };
      expect(await api.call("POST", "/v1/fine_tuning/jobs", { key: judge, body })).toMatchObject({ status: "queued" });
    }
  });

  it("is refused where no verdict makes a line, and where the lines make no dataset", async () => {
    const refusal = (body: Record<string, unknown>) => api.refusal("POST", "/v1/feedback/export", { key: judge, body });
    expect(await refusal({ format: "pairs", filters: { rater: "nobody" } })).toMatchObject({
      status: 400,
      param: "format",
      message: expect.stringContaining("there is none"),
    });
    expect(await refusal({ format: "pairs", filters: { verdict: "tie" } })).toMatchObject({
      message: expect.stringContaining("tie: 1"),
    });
    // Only one label.
    const filters = { verdict: "thumbs", created_after: 0, completion_id: id };
    await give(
      { completion_id: await chat(1, {}, judge), rater: "up", verdict: { type: "thumbs", value: "up" } },
      judge,
    );
    expect(
      await refusal({ format: "unpaired", filters: { ...filters, completion_id: undefined, rater: "up" } }),
    ).toMatchObject({
      status: 400,
      param: "format",
      message: expect.stringContaining("both labels"),
    });
    expect(await api.call("GET", "/v1/files?limit=100", { key: judge })).not.toMatchObject({
      data: expect.arrayContaining([expect.objectContaining({ filename: "" })]),
    });
  });

  it("of ratings is refused while they are on several scales", async () => {
    for (const max of [5, 10]) {
      await give({ completion_id: id, verdict: { type: "rating", value: 3, scale: { min: 1, max } } }, judge);
    }
    expect(await api.refusal("POST", "/v1/feedback/export", { key: judge, body: { format: "ratings" } })).toMatchObject(
      {
        param: "filters.scale",
        message: expect.stringContaining("[1,5]"),
      },
    );
  });

  it("is made once under an Idempotency-Key, and is gone with the tenant", async () => {
    const headers = { "idempotency-key": "one export" };
    const once = () => api.call("POST", "/v1/feedback/export", { key: judge, body: { format: "pairs" }, headers });
    expect(await once()).toEqual(await once());
    await api.call("DELETE", "/v1/admin/tenants/exporter", { key: ADMIN_TOKEN });
    judge = await api.tenant("exporter");
    expect(await api.call("GET", "/v1/feedback", { key: judge })).toMatchObject({ data: [] });
    expect(await api.call("GET", "/v1/chat/completions", { key: judge })).toMatchObject({ data: [] });
  });
});
