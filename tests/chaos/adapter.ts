/** Small LoRA adapters of the embedded base, each unlike the others, as archives to upload. */
import { zipSync } from "fflate";

const LAYERS = 6;
const HIDDEN = 256;
const CONFIG = {
  ...{ peft_type: "LORA", task_type: "CAUSAL_LM", r: 1, lora_alpha: 1, lora_dropout: 0, bias: "none" },
  target_modules: ["q_proj"],
};

/** An archive of one adapter; another `number` gives other values. */
export function adapterArchive(number: number): Uint8Array<ArrayBuffer> {
  const shapes = Array.from({ length: LAYERS }, (_, layer) => {
    const path = `base_model.model.model.layers.${layer}.self_attn.q_proj`;
    return [
      [`${path}.lora_A.weight`, [1, HIDDEN]],
      [`${path}.lora_B.weight`, [HIDDEN, 1]],
    ] as const;
  }).flat();
  const bytes = HIDDEN * Float32Array.BYTES_PER_ELEMENT;
  const header = Object.fromEntries(
    shapes.map(([name, shape], i) => [name, { dtype: "F32", shape, data_offsets: [i * bytes, (i + 1) * bytes] }]),
  );
  const head = Buffer.from(JSON.stringify(header));
  const values = new Float32Array(shapes.length * HIDDEN).map((_, i) => ((i * 7 + number) % 1999) / 1e5);
  values[0] = number;
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  const tensors = Buffer.concat([length, head, Buffer.from(values.buffer)]);
  const files = { "adapter_config.json": Buffer.from(JSON.stringify(CONFIG)), "adapter_model.safetensors": tensors };
  return new Uint8Array(zipSync(files, { level: 0 }));
}
