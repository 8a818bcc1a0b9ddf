/** Uploads that take a server long to read, and work on what was uploaded. */
import { gzipSync, zipSync } from "fflate";
import { joinBytes } from "../../../shared/formats/join-bytes.ts";
import { tarEnd, tarEntry } from "../../../shared/formats/tar.ts";
import type { HostileContext, HostileRequest, Sent } from "./hostile-requests.ts";

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const repeatTo = (bytes: number, piece: string): string => piece.repeat(Math.ceil(bytes / piece.length));

function dataset(name: string, bytes: Uint8Array<ArrayBuffer> | string, purpose = "fine-tune"): Sent {
  const form = new FormData();
  form.append("purpose", purpose);
  form.append("file", new Blob([bytes]), name);
  return { body: form };
}

const upload = (name: string, make: () => Sent): HostileRequest => ({
  name: `upload: ${name}`,
  path: "/v1/files",
  send: make,
});

/** Ordinary lines: an instruction and its answer, each of its own words. */
export function ordinaryLines(bytes: number, seed = 1): string {
  const lines: string[] = [];
  let size = 0;
  for (let n = seed; size < bytes; n++) {
    const words = Array.from({ length: 60 }, (_, i) => `w${(n * 7919 + i * i * 104_729) % 5000}`).join(" ");
    const line = JSON.stringify({
      messages: [
        { role: "user", content: `Question ${n}: ${words}?` },
        { role: "assistant", content: `${words}, answer ${n}.` },
      ],
    });
    lines.push(line);
    size += line.length + 1;
  }
  return `${lines.join("\n")}\n`;
}

/** A safetensors file whose header names so many empty tensors. */
function manyTensors(count: number): Uint8Array {
  const header = encode(
    `{${Array.from({ length: count }, (_, i) => `"t${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`).join(",")}}`,
  );
  const file = new Uint8Array(8 + header.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  return file;
}

const CONFIG = {
  peft_type: "LORA",
  r: 8,
  lora_alpha: 16,
  target_modules: ["q_proj"],
  base_model_name_or_path: "trimtab-base",
};

function tar(files: Readonly<Record<string, Uint8Array>>): Uint8Array<ArrayBuffer>[] {
  const parts = Object.entries(files).flatMap(([name, bytes]) => {
    const { header, padding } = tarEntry(name, bytes.length);
    return [header, bytes, padding];
  });
  return [...parts, tarEnd()] as Uint8Array<ArrayBuffer>[];
}

function archive(context: HostileContext, name: string, parts: readonly Uint8Array<ArrayBuffer>[]): Sent {
  const form = new FormData();
  form.append("model", context.model);
  form.append("file", new Blob([joinBytes(parts)]), name);
  return { body: form };
}

const adapter = (name: string, make: (context: HostileContext) => Sent): HostileRequest => ({
  name: `adapter: ${name}`,
  path: "/v1/deltas",
  send: make,
});

const json = (value: object): Uint8Array => encode(JSON.stringify(value));

/** An adapter of the embedded base: rank r on every linear layer, with values of its own. */
export function adapterOf(rank: number, seed: number): Uint8Array<ArrayBuffer>[] {
  const shapes = {
    "self_attn.q_proj": [256, 256],
    "self_attn.k_proj": [128, 256],
    "self_attn.v_proj": [128, 256],
    "self_attn.o_proj": [256, 256],
    "mlp.gate_proj": [768, 256],
    "mlp.up_proj": [768, 256],
    "mlp.down_proj": [256, 768],
  } as const;
  const entries: [string, readonly number[]][] = [];
  for (let layer = 0; layer < 6; layer++) {
    for (const [module, [rows, columns]] of Object.entries(shapes)) {
      const path = `base_model.model.model.layers.${layer}.${module}`;
      entries.push([`${path}.lora_A.weight`, [rank, columns]], [`${path}.lora_B.weight`, [rows, rank]]);
    }
  }
  let at = 0;
  const header: Record<string, object> = {};
  for (const [name, [rows, columns]] of entries as [string, readonly [number, number]][]) {
    const bytes = rows * columns * 4;
    header[name] = { dtype: "F32", shape: [rows, columns], data_offsets: [at, at + bytes] };
    at += bytes;
  }
  const head = encode(JSON.stringify(header).padEnd(Math.ceil(JSON.stringify(header).length / 8) * 8));
  const file = new Uint8Array(8 + head.length + at);
  new DataView(file.buffer).setBigUint64(0, BigInt(head.length), true);
  file.set(head, 8);
  const values = new Float32Array(at / 4).map(
    (_, i) => (((i + 1) * (2 * seed + 1) * 2_654_435_761) % 1999) / 1e5 - 0.01,
  );
  file.set(new Uint8Array(values.buffer), 8 + head.length);
  const config = {
    ...CONFIG,
    r: rank,
    lora_alpha: rank,
    target_modules: Object.keys(shapes).map((name) => name.split(".")[1]),
  };
  return tar({ "adapter_config.json": json(config), "adapter_model.safetensors": file });
}

export const HOSTILE_FILES: readonly HostileRequest[] = [
  upload("31 MB of JSONL", () => dataset("a.jsonl", ordinaryLines(31 << 20))),
  upload("10 MB of JSONL", () => dataset("b.jsonl", ordinaryLines(10 << 20, 90_000))),
  upload("one line of 8 MB, of lists", () => dataset("c.jsonl", `{"text":"a","x":[${repeatTo(8_000_000, "[],")}0]}\n`)),
  upload("one line of 8 MB, of objects", () =>
    dataset("d.jsonl", `{"text":"a","x":[${repeatTo(8_000_000, '{"a":1},')}0]}\n`),
  ),
  upload("one line of 8 MB, of keys", () =>
    dataset("e.jsonl", `{${Array.from({ length: 500_000 }, (_, i) => `"k${i}":${i % 10}`).join(",")}}\n`),
  ),
  upload("one line of 8 MB, of text", () =>
    dataset("f.jsonl", `{"text":"${repeatTo(8_000_000, "words of a text ")}"}\n`),
  ),
  upload("one line of 8 MB, of escapes", () =>
    dataset("g.jsonl", `{"text":"${repeatTo(8_000_000, "\\ud83d\\ude00")}"}\n`),
  ),
  upload("one line of 8 MB, of messages", () =>
    dataset(
      "h.jsonl",
      `{"messages":[${repeatTo(8_000_000, '{"role":"user","content":"a"},{"role":"assistant","content":"b"},').slice(0, -1)}]}\n`,
    ),
  ),
  upload("short lines", () => dataset("i.jsonl", repeatTo(4 << 20, '{"text":"a"}\n'))),
  upload("empty lines", () => dataset("j.jsonl", `${"\n".repeat(900_000)}{"text":"a"}\n`)),
  upload("one row of 8 MB, of cells", () =>
    dataset("k.csv", `text,${repeatTo(4_000_000, "a,")}b\n${repeatTo(8_000_000, "1,")}1\n`),
  ),
  upload("wide rows", () =>
    dataset(
      "l.csv",
      `text,${Array.from({ length: 20_000 }, (_, i) => `c${i}`).join(",")}\n${repeatTo(8_000_000, `hi,${"1,".repeat(19_999)}1\n`)}`,
    ),
  ),
  upload("quoted cells", () => dataset("m.csv", `text,b\n${repeatTo(6_000_000, '"a ""quoted"" cell","b\n"\n')}`)),
  upload("an open quote", () => dataset("n.csv", `text,b\n"${repeatTo(12_000_000, "a,b\n")}`)),
  upload("one JSON list", () => dataset("o.json", `[${repeatTo(8_000_000, '{"text":"a"},')}{"text":"b"}]`)),
  upload("one JSON list of one entry", () => dataset("p.json", `[{"text":"a","x":[${repeatTo(7_900_000, "[],")}0]}]`)),
  upload("a gzip bomb", () =>
    dataset(
      "q.jsonl.gz",
      gzipSync(encode(repeatTo(200 << 20, `{"text":"${" ".repeat(4000)}"}\n`)), {
        level: 9,
      }) as Uint8Array<ArrayBuffer>,
    ),
  ),
  adapter("a header of 99,999 tensors", (context) =>
    archive(
      context,
      "a.tar",
      tar({ "adapter_config.json": json(CONFIG), "adapter_model.safetensors": manyTensors(99_999) }),
    ),
  ),
  adapter("many files", (context) =>
    archive(
      context,
      "b.tar",
      tar(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`f${i}`, new Uint8Array(1)]))),
    ),
  ),
  adapter("a zip bomb", (context) =>
    archive(context, "c.zip", [
      zipSync(
        { "adapter_config.json": json(CONFIG), "adapter_model.safetensors": new Uint8Array(300 << 20) },
        { level: 9 },
      ) as Uint8Array<ArrayBuffer>,
    ]),
  ),
  adapter("a packed tar bomb", (context) =>
    archive(context, "d.tar.gz", [gzipSync(tarOf(200 << 20), { level: 9 }) as Uint8Array<ArrayBuffer>]),
  ),
  adapter("a zip of many files", (context) =>
    archive(context, "e.zip", [
      zipSync(Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`f${i}`, new Uint8Array(1)])), {
        level: 0,
      }) as Uint8Array<ArrayBuffer>,
    ]),
  ),
  adapter("a large configuration", (context) =>
    archive(
      context,
      "f.tar",
      tar({
        "adapter_config.json": encode(
          `{"peft_type":"LORA","r":8,"target_modules":[${repeatTo(8_000_000, '"a",')}"b"]}`,
        ),
        "adapter_model.safetensors": manyTensors(1),
      }),
    ),
  ),
  adapter("a whole one of rank 128", (context) => archive(context, "g.tar", adapterOf(128, 5))),
];

function tarOf(bytes: number): Uint8Array {
  const { header } = tarEntry("adapter_model.safetensors", bytes);
  const all = new Uint8Array(header.length + bytes + 1024);
  all.set(header);
  return all;
}

const MERGES = ["linear", "svd", "ties", "dare", "dare_ties", "magnitude_prune", "cat"] as const;

/** Asks for work on files and deltas that were uploaded before. */
export const HOSTILE_WORK: readonly HostileRequest[] = [
  ...MERGES.map(
    (method): HostileRequest => ({
      name: `merge: ${method}`,
      path: "/v1/deltas/merge",
      send: ({ model, deltas }) => ({
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          model,
          deltas: deltas.map((id) => ({ id })),
          method,
          ...(method === "svd" ? { rank: 64 } : {}),
          ...(["ties", "dare", "dare_ties", "magnitude_prune"].includes(method)
            ? { density: 0.5, output: "model" }
            : {}),
        }),
      }),
    }),
  ),
  ...["inspect", "preview", "fix"].map(
    (call): HostileRequest => ({
      name: `datasets: ${call}`,
      path: `/v1/datasets/${call}`,
      send: ({ model, file }) => ({
        headers: { "content-type": "application/json" },
        body: JSON.stringify(
          call === "fix" ? { file, rules: ["exact_duplicates", "near_duplicates"] } : { file, model },
        ),
      }),
    }),
  ),
  {
    name: "jobs: validate",
    path: "/v1/fine_tuning/jobs/validate",
    send: ({ model, file }) => ({
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model, training_file: file }),
    }),
  },
];
