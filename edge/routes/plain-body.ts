import type { MiddlewareHandler } from "hono";
import { TrimtabError } from "../../shared/errors.ts";
import type { AppEnv } from "./app-env.ts";

/** Refuses a body in a content coding, such as gzip: it would be read as what it is not. */
export const plainBody: MiddlewareHandler<AppEnv> = async (c, next) => {
  const coding = c.req.header("content-encoding")?.trim() ?? "";
  if (coding !== "" && coding.toLowerCase() !== "identity") {
    throw new TrimtabError(
      "invalid_request",
      `The body has the content-encoding ${JSON.stringify(coding)}. Send it as it is, without that header.`,
    );
  }
  await next();
};
