import { beforeAll, describe, expect, it } from "vitest";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { adapterFiles } from "../../../shared/peft/adapter-folder.ts";
import { f32 } from "../../../shared/tensor.ts";
import { adapterForm } from "../support/adapter-form.ts";
import { Api } from "../support/api.ts";
import { FakeEngine } from "../support/fake-engine.ts";
import { TINY_CONFIG } from "../support/tiny-base.ts";

const api = new Api({ ENGINE: new FakeEngine().binding });
const { hiddenSize: width } = parseModelConfig(TINY_CONFIG);
const LAYER = "layers.0.self_attn.q_proj";
let key: string;
let file: string;
let delta: string;
let tuned: string;

function adapter(fill: number) {
  const prefix = `base_model.model.model.${LAYER}.lora`;
  const config = { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: [LAYER], bias: "none" };
  const tensors = new Map([
    [`${prefix}_A.weight`, f32([2, width], new Float32Array(2 * width).fill(fill))],
    [`${prefix}_B.weight`, f32([width, 2], new Float32Array(2 * width).fill(fill))],
  ]);
  return adapterFiles({ base_model_name_or_path: "elsewhere", ...config }, tensors);
}

beforeAll(async () => {
  await api.base("named-base");
  key = await api.tenant("namer");
  file = await api.dataset(key);
  const body = adapterForm(adapter(0.5), { model: "named-base" });
  const made = await api.call<{ id: string; models: string[] }>("POST", "/v1/deltas", { key, body });
  [delta, tuned] = [made.id, made.models[0]!];
  await api.call("POST", "/v1/aliases", { key, body: { id: "of-base", model: "named-base" } });
  await api.call("POST", "/v1/aliases", { key, body: { id: "of-tuned", model: tuned } });
});

const facts = [{ prompt: "The sky is", subject: "sky", target_new: "green" }];
const messages = [{ role: "user", content: "hi" }];
/** A request with the model of each route that has one, and whether a tuned model may be named there. */
const ROUTES: Readonly<Record<string, { tuned: boolean; body: (model: string) => unknown }>> = {
  "/v1/chat/completions": { tuned: true, body: (model) => ({ model, messages }) },
  "/v1/completions": { tuned: true, body: (model) => ({ model, prompt: "hi" }) },
  "/v1/responses": { tuned: true, body: (model) => ({ model, input: "hi" }) },
  "/v1/fine_tuning/jobs": { tuned: true, body: (model) => ({ model, training_file: file }) },
  "/v1/edits": { tuned: true, body: (model) => ({ model, facts }) },
  "/v1/edits/check": { tuned: true, body: (model) => ({ model, facts, wait: false }) },
  "/v1/peft/compare": { tuned: true, body: (model) => ({ model }) },
  "/v1/deltas": { tuned: false, body: (model) => adapterForm(adapter(0.25), { model }) },
  "/v1/deltas/merge": {
    tuned: false,
    body: (model) => ({ model, method: "cat", deltas: [{ id: delta, weight: 2 }] }),
  },
};
/** Aliases point to models, not to other aliases. */
const OF_ALIASES = ["/v1/aliases", "/v1/aliases/{alias}"];
/** They need an Engine that answers, a model that judges, or read with its tokenizer: tests of their own name models in them. */
const ELSEWHERE = [
  ...["/v1/steering/sweep", "/v1/rewards", "/v1/labeling/projects/{project_id}/judge"],
  ...["/v1/datasets/fix", "/v1/datasets/inspect", "/v1/datasets/preview"],
  ...["/tokenize", "/detokenize", "/v1/tokenize", "/v1/detokenize"],
];

interface Document {
  readonly paths: Record<string, { post?: { requestBody?: { content: Record<string, { schema: Schema }> } } }>;
  readonly components: { readonly schemas: Record<string, Schema> };
}
interface Schema {
  readonly $ref?: string;
  readonly properties?: Record<string, unknown>;
}

describe("a model's name", () => {
  it("is asked for by no other route", async () => {
    const { paths, components } = await api.call<Document>("GET", "/openapi.json");
    const named = Object.entries(paths).filter(([path, { post }]) => {
      if (/^\/v1\/(admin|trainer)\//.test(path)) return false;
      return Object.values(post?.requestBody?.content ?? {}).some(({ schema }) => {
        const whole = schema.$ref === undefined ? schema : components.schemas[schema.$ref.split("/").at(-1)!]!;
        return "model" in (whole.properties ?? {});
      });
    });
    expect(named.map(([path]) => path).sort()).toEqual([...Object.keys(ROUTES), ...OF_ALIASES, ...ELSEWHERE].sort());
  });

  it.each(Object.entries(ROUTES))("may be an alias of a base: %s", async (path, { body }) => {
    expect(await api.call("POST", path, { key, body: body("of-base") })).toMatchObject({ object: expect.any(String) });
  });

  it.each(Object.entries(ROUTES))(
    "may be an alias of a tuned model, or is refused with its base: %s",
    async (path, route) => {
      if (route.tuned) {
        expect((await api.send("POST", path, { key, body: route.body("of-tuned") })).status).toBe(200);
        return;
      }
      expect(await api.refusal("POST", path, { key, body: route.body("of-tuned") })).toMatchObject({
        status: 400,
        param: "model",
        message: `\`model\` must be a base model: of-tuned points to ${tuned}, which is tuned from named-base. Send \`model: "named-base"\`.`,
      });
      expect(await api.refusal("POST", path, { key, body: route.body(tuned) })).toMatchObject({
        message: expect.stringContaining(`${tuned} is tuned from named-base`),
      });
    },
  );

  it.each(Object.entries(ROUTES))("that nobody has is unknown: %s", async (path, { body }) => {
    expect(await api.refusal("POST", path, { key, body: body("nobody") })).toMatchObject({
      status: 404,
      code: "model_not_found",
      param: "model",
    });
  });

  it("may be an alias where models are looked up", async () => {
    expect(await api.call("GET", "/v1/models/of-base", { key })).toMatchObject({ alias_of: "named-base" });
    expect(await api.call("GET", "/v1/models/of-tuned", { key })).toMatchObject({ alias_of: tuned });
  });
});
