import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { Deleted } from "../../shared/api/lists.ts";
import { Delta, DeltaList, DeltaListQuery } from "../../shared/api/models.ts";
import { SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { tarEnd, tarEntry, tarEntryBytes } from "../../shared/formats/tar.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import { tenantAuth } from "./auth.ts";
import { bytesReply, replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ delta_id: z.string().max(80) });
const tags = ["Deltas"];
const security = TENANT_SECURITY;

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List deltas, newest first",
  request: { query: DeltaListQuery },
  responses: replies(DeltaList, "A page of deltas"),
});

const get = createRoute({
  method: "get",
  path: "/{delta_id}",
  tags,
  security,
  summary: "Describe a delta",
  request: { params },
  responses: replies(Delta, "The delta"),
});

const content = createRoute({
  method: "get",
  path: "/{delta_id}/content",
  tags,
  security,
  summary: "Download a delta as a tar archive of its PEFT folder, which peft loads unchanged",
  request: { params },
  responses: bytesReply("A tar archive"),
});

const remove = createRoute({
  method: "delete",
  path: "/{delta_id}",
  tags,
  security,
  summary: "Delete a delta and every model name that answers with it",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

export const deltas = subApp();
deltas.use("*", tenantAuth());

deltas.openapi(list, async (c) => c.json(await c.var.caller.object.deltas.list(c.req.valid("query")), 200));
deltas.openapi(get, async (c) => c.json(await c.var.caller.object.deltas.get(c.req.valid("param").delta_id), 200));
deltas.openapi(remove, async (c) =>
  c.json(await c.var.caller.object.deltas.delete(c.req.valid("param").delta_id), 200),
);

deltas.openapi(content, async (c) => {
  const { delta_id } = c.req.valid("param");
  const folder = await c.var.caller.object.deltas.folder(delta_id);
  return new Response(archive(new FolderReader(c.env.BLOBS, folder), folder), {
    headers: {
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename="${delta_id}.tar"`,
    },
  });
});

/** The folder without its serving form, file by file; each file is checked before any of it is sent. */
function archive(reader: FolderReader, folder: StoredFolder): ReadableStream<Uint8Array> {
  const files = folder.files.filter(({ name }) => name !== SERVING_FILE);
  const bytes = files.reduce((sum, file) => sum + tarEntryBytes(file.bytes), tarEnd().length);
  let next = 0;
  const pieces = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const file = files[next++];
      if (file === undefined) {
        controller.enqueue(tarEnd());
        controller.close();
        return;
      }
      const bytes = await reader.bytes(file.name);
      const { header, padding } = tarEntry(file.name, bytes.length);
      for (const chunk of [header, bytes, padding]) if (chunk.length > 0) controller.enqueue(chunk);
    },
  });
  // A reply that has a length does not look whole when it breaks off.
  return pieces.pipeThrough(new FixedLengthStream(bytes));
}
