import { TrimtabError } from "../../shared/errors.ts";
import {
  parseSafetensorsHeader,
  type SafetensorsEntry,
  safetensorsHeaderLength,
} from "../../shared/formats/safetensors.ts";
import { LENGTH_BYTES } from "../../shared/formats/safetensors-header.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { weightSpecs } from "../../shared/model/modules.ts";
import { tiedNames } from "../../shared/model/tied-head.ts";
import { weightFromFile } from "../../shared/model/weights.ts";
import type { Tensor } from "../../shared/tensor.ts";
import type { StoredFolder } from "./stored-folder.ts";
import { UploadedFolder } from "./uploaded-folder.ts";

/**
 * Single weights of a stored model, each read when it is needed: an isolate cannot hold a large model beside its work. The
 * files are held to their digests before the first.
 */
export class StoredWeights {
  readonly #config: ModelConfig;
  readonly #stored: StoredFolder;
  readonly #folder: UploadedFolder;
  #entries: Promise<ReadonlyMap<string, { readonly file: string; readonly entry: SafetensorsEntry }>> | undefined;

  constructor(bucket: R2Bucket, stored: StoredFolder, config: ModelConfig) {
    this.#config = config;
    this.#stored = stored;
    this.#folder = new UploadedFolder(bucket, stored.prefix, "corrupt_blob");
  }

  /** In the layout of `weightSpecs`. Throws `corrupt_blob` where the store has lost it. */
  async weight(name: string): Promise<Tensor<"f32">> {
    this.#entries ??= this.#readHeaders();
    const spec = weightSpecs(this.#config).find((candidate) => candidate.name === name);
    const found = (await this.#entries).get(name);
    if (spec === undefined || found === undefined) {
      throw new TrimtabError("corrupt_blob", `the stored model ${this.#stored.digest} has no weight ${name}`);
    }
    const { dtype, shape, start, end } = found.entry;
    const bytes = await this.#folder.read(found.file, { offset: start, length: end - start });
    return weightFromFile(spec, { dtype, shape, bytes });
  }

  async #readHeaders(): Promise<ReadonlyMap<string, { file: string; entry: SafetensorsEntry }>> {
    const entries = new Map<string, { file: string; entry: SafetensorsEntry }>();
    for (const { name, bytes, sha256 } of this.#stored.files.filter((file) => file.name.endsWith(".safetensors"))) {
      await this.#folder.requireDigest(name, sha256);
      const options = { code: "corrupt_blob", name } as const;
      const first = await this.#folder.read(name, { offset: 0, length: Math.min(LENGTH_BYTES, bytes) });
      const length = safetensorsHeaderLength(first, bytes, options);
      const header = await this.#folder.read(name, { offset: 0, length: LENGTH_BYTES + length });
      for (const [tensor, entry] of parseSafetensorsHeader(header, bytes, options).tensors) {
        entries.set(tensor, { file: name, entry });
      }
    }
    return tiedNames(this.#config, entries);
  }
}
