import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import { FileList, FileListQuery, FileObject, FileUploadQuery, UPLOAD_PURPOSES } from "../../shared/api/files.ts";
import { Deleted } from "../../shared/api/lists.ts";
import { FORMAT_NAMES } from "../../shared/data/said-format.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import { attachment } from "../blobs/disposition.ts";
import { formBoundary } from "../blobs/multipart.ts";
import { receiveDataset } from "../blobs/receive-dataset.ts";
import { verifiedBlob } from "../blobs/verified-stream.ts";
import { Pace } from "../pace/pace.ts";
import { tenantAuth } from "./auth.ts";
import { bytesReply, replies, streamedRequest, subApp, TENANT_SECURITY } from "./route.ts";
import { uploadOnce } from "./upload-once.ts";

const params = z.strictObject({ file_id: z.string().max(64) });
const tags = ["Files"];
const security = TENANT_SECURITY;

const upload = createRoute({
  method: "post",
  path: "/",
  tags,
  security,
  summary: "Upload a dataset: JSONL, a JSON array, CSV or Parquet; a file with a bad record is refused whole",
  request: {
    query: FileUploadQuery,
    body: streamedRequest("multipart/form-data", {
      type: "object",
      required: ["file", "purpose"],
      properties: {
        file: { type: "string", format: "binary", description: "All but Parquet may be compressed with gzip or zstd" },
        purpose: {
          type: "string",
          enum: [...UPLOAD_PURPOSES],
          description: "`fine-tune` for datasets to train on; `evals` and `user_data` for any JSON objects",
        },
        format: {
          type: "string",
          enum: [...FORMAT_NAMES],
          description: "What the lines are; found out by default. A file that is something else is refused",
        },
      },
    }),
  },
  responses: replies(FileObject, "The stored file"),
});

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List files, newest first",
  request: { query: FileListQuery },
  responses: replies(FileList, "A page of files"),
});

const get = createRoute({
  method: "get",
  path: "/{file_id}",
  tags,
  security,
  summary: "Describe a file",
  request: { params },
  responses: replies(FileObject, "The file"),
});

const content = createRoute({
  method: "get",
  path: "/{file_id}/content",
  tags,
  security,
  summary: "Read a file",
  request: { params },
  responses: bytesReply("The bytes that were uploaded"),
});

const remove = createRoute({
  method: "delete",
  path: "/{file_id}",
  tags,
  security,
  summary: "Delete a file that no unfinished job needs",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

export const files = subApp();
files.use("*", tenantAuth());

files.openapi(upload, async (c) => {
  const tenant = c.var.caller.object;
  const boundary = formBoundary(c.req.header("content-type"), "`file` and `purpose`");
  if (Number(c.req.header("content-length") ?? 0) > LIMITS.file + LIMITS.multipartOverhead) {
    throw new TrimtabError("payload_too_large", `The file is larger than ${LIMITS.file} bytes. Split it.`, {
      param: "file",
    });
  }
  const { body } = c.req.raw;
  const { format } = c.req.valid("query");
  if (body === null)
    throw new TrimtabError("invalid_request", "The body is empty. Send a form with `file` and `purpose`.");
  return uploadOnce(c, tenant, async (identify) => {
    const { id, key } = await tenant.files.begin();
    try {
      const received = await receiveDataset({ body, boundary, format }, c.env.BLOBS, key, new Pace(c.var.caller.id));
      const identified = await identify([
        ...[received.filename, received.sha256, received.purpose],
        received.dataset.said_format ?? null,
      ]);
      if (identified.replay !== null) {
        await tenant.files.drop(id);
        return identified.replay as never;
      }
      return c.json(await tenant.files.finish(id, received, identified.key), 200);
    } catch (error) {
      await tenant.files.drop(id);
      throw error;
    }
  });
});

files.openapi(list, async (c) => {
  return c.json(await c.var.caller.object.files.list(c.req.valid("query")), 200);
});

files.openapi(get, async (c) => c.json(await c.var.caller.object.files.get(c.req.valid("param").file_id), 200));

files.openapi(content, async (c) => {
  const source = await c.var.caller.object.files.source(c.req.valid("param").file_id);
  return new Response(await verifiedBlob(c.env.BLOBS, source), {
    headers: {
      "content-type": "application/octet-stream",
      "content-disposition": attachment(source.filename),
    },
  });
});

files.openapi(remove, async (c) => c.json(await c.var.caller.object.files.delete(c.req.valid("param").file_id), 200));
