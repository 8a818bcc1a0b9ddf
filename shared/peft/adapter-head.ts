import { TrimtabError } from "../errors.ts";
import { fromF32, parseSafetensors } from "../formats/safetensors.ts";
import { EMBEDDING, HEAD } from "../model/modules.ts";
import type { BaseAccess } from "./method.ts";

/** AdapterHub saves the model's head beside an adapter, unless it is called with `with_head=False`. */
export const HEAD_CONFIG = "head_config.json";
export const HEAD_WEIGHTS = "model_head.safetensors";

/**
 * A head that is the base's own may lie beside an adapter and is left out. Throws `invalid_delta` for another one, which
 * the adapter was trained with and would not be served.
 */
export async function requireOwnHead(files: ReadonlyMap<string, Uint8Array>, base: BaseAccess): Promise<void> {
  const bytes = files.get(HEAD_WEIGHTS);
  if (bytes === undefined) return;
  const { tensors } = parseSafetensors(bytes, { code: "invalid_delta", name: HEAD_WEIGHTS });
  const head = tensors.get(HEAD);
  const { tied, vocabSize, hiddenSize } = base.config;
  const fits = head?.shape.length === 2 && head.shape[0] === vocabSize && head.shape[1] === hiddenSize;
  if (tensors.size === 1 && head !== undefined && fits && /^(F32|F16|BF16)$/.test(head.dtype)) {
    const own = await base.weight(tied ? EMBEDDING : HEAD);
    const rounded = fromF32(own.data, head.dtype as "F32" | "F16" | "BF16");
    if (rounded.every((byte, at) => byte === head.bytes[at])) return;
  }
  throw new TrimtabError(
    "invalid_delta",
    `${HEAD_WEIGHTS} holds another head than the base's; adapters are served on the base's own: save the adapter with \`with_head=False\``,
  );
}
