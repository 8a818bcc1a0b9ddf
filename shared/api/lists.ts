import { z } from "zod";
import { DEFAULTS, LIMITS } from "../limits.ts";

/** The query of a route that takes none, and of one that answers whatever is asked. */
export const NoQuery = z.strictObject({});
export const AnyQuery = z.looseObject({});

/** The start and length of a page. Lists are ordered from newest to oldest. */
export function pageQuery(defaultLimit: number = DEFAULTS.listPage) {
  return z.strictObject({
    after: z.string().min(1).max(300).optional().meta({ description: "The id of the last item of the previous page" }),
    limit: z.coerce.number().int().min(1).max(LIMITS.listPage).default(defaultLimit),
  });
}

export interface Page {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A page of items with an `id`. */
export interface ListOf<T> {
  readonly object: "list";
  readonly data: T[];
  readonly has_more: boolean;
  readonly first_id: string | null;
  readonly last_id: string | null;
}

export function listSchema<T extends z.ZodType>(item: T) {
  return z.strictObject({
    object: z.literal("list"),
    data: z.array(item),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  });
}

/** The first items that fit into one reply, and the first one in any case. */
export function withinBytes<T>(items: readonly T[], sizeOf: (item: T) => number): T[] {
  let bytes = 0;
  const over = items.findIndex((item, index) => {
    bytes += sizeOf(item);
    return index > 0 && bytes > LIMITS.listBytes;
  });
  return items.slice(0, over < 0 ? items.length : over);
}

/** About how many bytes an item takes in a reply. */
export function sizeInJson(item: unknown): number {
  return JSON.stringify(item).length;
}

/**
 * Makes a page of up to `limit` items from up to `limit + 1`, and of fewer where more do not fit into one reply. The last one, if it is
 * left out, shows that there are more.
 */
export function listOf<T extends { readonly id: string }>(items: readonly T[], limit: number): ListOf<T> {
  const data = withinBytes(items.slice(0, limit), sizeInJson);
  return {
    object: "list",
    data,
    has_more: items.length > data.length,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  };
}

export const Deleted = z
  .strictObject({ id: z.string(), object: z.string(), deleted: z.literal(true) })
  .meta({ id: "Deleted" });
export type Deleted = z.infer<typeof Deleted>;
