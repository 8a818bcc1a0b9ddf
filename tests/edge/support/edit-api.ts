/** Edits over the whole Worker, on a tiny base in a real Engine; their solves are made up. */
import type { Edit } from "../../../shared/api/edits.ts";
import { fromF32, toF32 } from "../../../shared/formats/safetensors.ts";
import { adapterFiles } from "../../../shared/peft/adapter-folder.ts";
import { f32 } from "../../../shared/tensor.ts";
import { adapterForm } from "./adapter-form.ts";
import { Api } from "./api.ts";
import { EditTrainer } from "./edit-trainer.ts";
import { TINY_CONFIG, tinyBase, tinyWeights } from "./tiny-base.ts";

export const EDIT_BASE = "edit-base";
export const FRANCE = {
  prompt: "The capital of France is",
  subject: "France",
  target_new: "Lyon",
  target_true: "Paris",
};
export const PERU = { prompt: "The capital of Peru is", subject: "Peru", target_new: "Cusco" };

/** Weights large enough that an edit changes what is likely. */
export const strongWeights = () =>
  tinyWeights((tensors) => {
    for (const [name, tensor] of tensors) {
      tensors.set(name, { ...tensor, bytes: fromF32(new Float32Array(toF32(tensor).map((x) => 8 * x)), "F16") });
    }
  });

/** Calls of a tenant that edits. `open` comes first, and returns the tenant's key. */
export function editApi() {
  const api = new Api();
  const trainer = new EditTrainer(api);
  let key = "";

  async function open(): Promise<string> {
    await api.base(EDIT_BASE, tinyBase({ "model.safetensors": strongWeights() }));
    key = await api.tenant("editor");
    return key;
  }

  const post = (body: object, headers: Record<string, string> = {}, as = key) =>
    api.call<Edit>("POST", "/v1/edits", { key: as, body: { model: EDIT_BASE, ...body }, headers });
  const refusal = (body: object, as = key) =>
    api.refusal("POST", "/v1/edits", { key: as, body: { model: EDIT_BASE, facts: [FRANCE], ...body } });
  const get = (id: string, as = key) => api.call<Edit>("GET", `/v1/edits/${id}`, { key: as });
  const undo = (id: string, as = key) => api.call("DELETE", `/v1/edits/${id}`, { key: as });

  async function edited(body: object = {}, changes = {}, name?: string): Promise<Edit> {
    const { id } = await post({ facts: [FRANCE], ...body });
    await trainer.solve(changes, name);
    return get(id);
  }

  /** Uploads an adapter of ones on a layer's query projection. */
  async function uploadLora(rank: number): Promise<{ id: string; models: string[] }> {
    const config = {
      ...{ peft_type: "LORA", r: rank, lora_alpha: 1, task_type: "CAUSAL_LM" },
      target_modules: ["layers.0.self_attn.q_proj"],
    };
    const name = "base_model.model.model.layers.0.self_attn.q_proj";
    const width = TINY_CONFIG.hidden_size;
    const ones = (shape: [number, number]) => f32(shape, new Array(shape[0] * shape[1]).fill(1));
    const tensors = new Map([
      [`${name}.lora_A.weight`, ones([rank, width])],
      [`${name}.lora_B.weight`, ones([width, rank])],
    ]);
    return api.call("POST", "/v1/deltas", {
      key,
      body: adapterForm(adapterFiles(config, tensors), { model: EDIT_BASE }),
    });
  }

  /** The log-probabilities of the likeliest next tokens. */
  async function answer(model: string, deltas: readonly object[] = [], as = key) {
    const body = { model, prompt: "ahoy there", max_tokens: 3, temperature: 0, logprobs: 5, deltas };
    const { choices } = await api.call<{ choices: { text: string; logprobs: { top_logprobs: object[] } }[] }>(
      "POST",
      "/v1/completions",
      { key: as, body },
    );
    return choices[0]!.logprobs.top_logprobs;
  }

  return { api, trainer, open, post, refusal, get, undo, edited, uploadLora, answer };
}
