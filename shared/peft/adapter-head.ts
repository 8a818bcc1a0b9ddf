import { TrimtabError } from "../errors.ts";
import { fromF32, parseSafetensors } from "../formats/safetensors.ts";
import { EMBEDDING, HEAD } from "../model/modules.ts";
import type { BaseAccess } from "./method.ts";

/** AdapterHub saves the model's head with an adapter unless called with `with_head=False`. */
export const HEAD_CONFIG = "head_config.json";
export const HEAD_WEIGHTS = "model_head.safetensors";

/**
 * Accepts a folder whose head, if any, equals the base's; such a head is dropped. Throws `invalid_delta` for another head:
 * the adapter was trained with it, but would be served without it.
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
    `${HEAD_WEIGHTS} differs from the base's head, and adapters are served with the base's head; save the adapter with \`with_head=False\``,
  );
}
