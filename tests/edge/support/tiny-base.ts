import { folderDigest, type StoredFile } from "../../../shared/api/artefacts.ts";
import { encodeManifest } from "../../../shared/delta/manifest.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { fromF32, type SafetensorsTensor, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { weightSpecs } from "../../../shared/model/modules.ts";
import { createRandom } from "../../../shared/random.ts";

/** A Llama of a few thousand parameters whose tokens are bytes. */
export const TINY_CONFIG = {
  model_type: "llama",
  vocab_size: 259,
  hidden_size: 16,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 8,
  intermediate_size: 24,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  max_position_embeddings: 128,
  tie_word_embeddings: true,
};

const SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

export type Folder = Map<string, Uint8Array>;

/** The files of the tiny base. Changes replace or, as undefined, remove a file. */
export function tinyBase(changes: Readonly<Record<string, Uint8Array | string | undefined>> = {}): Folder {
  const folder: Folder = new Map([
    ["config.json", json(TINY_CONFIG)],
    ["model.safetensors", tinyWeights()],
    ["tokenizer.json", json(tinyTokenizer())],
    [
      "tokenizer_config.json",
      json({
        eos_token: "<|im_end|>",
        pad_token: "<|endoftext|>",
        chat_template:
          "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
      }),
    ],
  ]);
  for (const [name, change] of Object.entries(changes)) {
    if (change === undefined) folder.delete(name);
    else folder.set(name, typeof change === "string" ? new TextEncoder().encode(change) : change);
  }
  return folder;
}

export function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Random weights in float16; `change` may bend the tensors before they are written. */
export function tinyWeights(change: (tensors: Map<string, SafetensorsTensor>) => void = () => {}): Uint8Array {
  const random = createRandom(1, "tiny base");
  const tensors = new Map(
    weightSpecs(parseModelConfig(TINY_CONFIG)).map((spec) => {
      const shape = spec.transposed ? spec.shape.toReversed() : spec.shape;
      const length = shape.reduce((product, dim) => product * dim, 1);
      const values = Float32Array.from({ length }, () => 0.1 * random.normal());
      return [spec.name, { dtype: "F16" as const, shape, bytes: fromF32(values, "F16") }] as [
        string,
        SafetensorsTensor,
      ];
    }),
  );
  change(tensors);
  return writeSafetensors(tensors, { format: "pt" });
}

/** One token for each byte, in GPT-2's alphabet, and no merges. */
function tinyTokenizer(): unknown {
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let moved = 0;
  const vocab = Object.fromEntries(
    Array.from({ length: 256 }, (_, byte) => [
      String.fromCodePoint(printable(byte) ? byte : 256 + moved++),
      byte + SPECIAL.length,
    ]),
  );
  return {
    version: "1.0",
    added_tokens: SPECIAL.map((content, id) => ({ id, content, special: true })),
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: { type: "BPE", vocab, merges: [] },
  };
}

export async function fileList(folder: Folder): Promise<StoredFile[]> {
  return Promise.all(
    [...folder].map(async ([name, bytes]) => ({ name, bytes: bytes.byteLength, sha256: await sha256Hex(bytes) })),
  );
}

/**
 * The files of a small delta for a base, as far as the edge looks at them before it serves them, and its list. Of several
 * methods each has a folder.
 */
export async function tinyDelta(
  baseDigest: string,
  note = "a",
  methods: readonly string[] = ["lora"],
): Promise<{ folder: Folder; files: StoredFile[]; digest: string }> {
  const values = Float32Array.of(1, 2, 3, 4);
  const tensors = writeSafetensors(
    new Map([["x", { dtype: "F32" as const, shape: [4], bytes: fromF32(values, "F32") }]]),
    {
      note,
    },
  );
  const manifest = encodeManifest({
    format: "trimtab.delta/1",
    base_model: "tiny",
    base_digest: baseDigest,
    tokenizer_digest: "0".repeat(64),
    methods: [...methods],
    data_digests: [],
    metrics: {},
    parents: [],
    trainable_parameters: 4,
    created_at: 0,
    digest: await sha256Hex(tensors),
  });
  const adapters = methods.flatMap((method, index) => {
    const place = methods.length === 1 ? "" : `${index}-${method}/`;
    const weights = method === "bottleneck" ? "adapter.safetensors" : "adapter_model.safetensors";
    return [
      [`${place}adapter_config.json`, json({ peft_type: method.toUpperCase() })],
      [`${place}${weights}`, tensors],
    ] as const;
  });
  const folder: Folder = new Map([...adapters, ["manifest.json", manifest], ["serving.safetensors", tensors]]);
  const files = await fileList(folder);
  return { folder, files, digest: await folderDigest(files) };
}
