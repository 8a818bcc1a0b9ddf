import type { StoredFolder } from "../../blobs/stored-folder.ts";

/** The base model as it was when the job was made. */
export type JobBase = StoredFolder & { readonly id: string };
