import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { baseArtefacts } from "../../../trainer/service/base-artefacts.ts";

const TRACING = `tracing.${"0".repeat(32)}.json`;

const text = (content: string) => new TextEncoder().encode(content);
const plain = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);

it("reads a file from the server once, and again where its copy is damaged", async () => {
  const cacheFolder = mkdtempSync(join(tmpdir(), "trimtab-artefacts-"));
  onTestFinished(() => rmSync(cacheFolder, { recursive: true }));
  const kept = new Map<string, Uint8Array>();
  const reads: string[] = [];
  const open = (digest: string) =>
    baseArtefacts({
      client: {
        readBaseArtefact: async (name) => {
          reads.push(name);
          return kept.get(name);
        },
        keepBaseArtefact: async ({ name, bytes }) => void kept.set(name, bytes),
      },
      digest,
      cacheFolder,
      signal: new AbortController().signal,
    });
  const one = open("one");
  expect(await one.read(TRACING)).toBeUndefined();
  await one.write(TRACING, text("what it shows"));
  expect(plain(await one.read(TRACING))).toBe("what it shows");
  expect(plain(await one.read(TRACING))).toBe("what it shows");
  expect(reads).toHaveLength(2);
  const folder = join(cacheFolder, "base-artefacts", "one");
  const [name] = readdirSync(folder);
  writeFileSync(join(folder, name!), "what it does not show");
  expect(plain(await one.read(TRACING))).toBe("what it shows");
  expect(reads).toHaveLength(3);
  // Another version of the base has files of its own.
  kept.clear();
  expect(await open("two").read(TRACING)).toBeUndefined();
});
