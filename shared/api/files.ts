import { z } from "zod";
import { listSchema, pageQuery } from "./lists.ts";

export const FileObject = z
  .strictObject({
    id: z.string(),
    object: z.literal("file"),
    bytes: z.int(),
    created_at: z.int(),
    filename: z.string(),
    purpose: z.enum(["fine-tune", "fine-tune-results"]),
    status: z.literal("processed"),
    status_details: z.null(),
    expires_at: z.null(),
  })
  .meta({ id: "File" });
export type FileObject = z.infer<typeof FileObject>;

export const FileList = listSchema(FileObject).meta({ id: "FileList" });

export const FileListQuery = pageQuery().extend({
  purpose: z.string().max(64).optional(),
  order: z.enum(["asc", "desc"]).default("desc"),
});

/** The multipart form of an upload, for the OpenAPI document only: the server reads the form as a stream. */
export const FileUpload = z
  .strictObject({
    file: z.string().meta({ format: "binary", description: "A JSONL dataset" }),
    purpose: z.literal("fine-tune"),
  })
  .meta({ id: "FileUpload" });
