import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { tenantObject } from "../../../../edge/objects/remote.ts";
import { fileList, tinyDelta } from "../../support/tiny-base.ts";

const base = { id: "artefacts-base", digest: "b".repeat(64) };

it("what no job made is stored, checked and shown under a name of its digest", async () => {
  const tenant = tenantObject(env, "artefacts-tenant");
  await tenant.account.create({ id: "artefacts-tenant" }, null);
  const { folder, digest } = await tinyDelta(base.digest);
  const files = await fileList(folder);
  const place = { kind: "delta" as const, digest, names: files.map(({ name }) => name) };
  const result = { kind: "delta" as const, digest, files };
  const prefix = await tenant.artefacts.beginFiles(place);
  expect(prefix).toBe(`tenants/artefacts-tenant/deltas/${digest}/`);
  for (const { name, sha256 } of files) await env.BLOBS.put(prefix + name, folder.get(name)!, { sha256 });
  const made = await tenant.artefacts.add({ result, base, suffix: "mine" }, null);
  expect(made).toMatchObject({
    object: "delta",
    digest,
    models: [expect.stringMatching(/^ft:artefacts-base:.*:mine:/)],
  });
  // A published artefact keeps its files, whoever gives them up.
  await tenant.artefacts.dropFiles(place);
  const other = await tinyDelta(base.digest, "not stored");
  const unstored = { ...result, digest: other.digest, files: await fileList(other.folder) };
  await expect(tenant.artefacts.add({ result: unstored, base, suffix: null }, null)).rejects.toMatchObject({
    code: "invalid_delta",
  });
  expect(await tenant.deltas.list({ limit: 5 })).toMatchObject({ data: [{ digest }] });
});
