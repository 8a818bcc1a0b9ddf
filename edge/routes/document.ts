import type { OpenAPIHono } from "@hono/zod-openapi";
import { ErrorResponse } from "../../shared/api/errors.ts";
import type { AppEnv } from "./app-env.ts";
import { operationName } from "./operation-name.ts";

const INFO = {
  title: "Trimtab",
  version: "1",
  description:
    "Fine-tunes language models and serves the results. Any OpenAI client works with it. A property of a JSON request that is " +
    "null counts as left out, whether or not its schema allows null, unless its description says that null takes something away.",
  license: { name: "Apache-2.0", identifier: "Apache-2.0" },
};

type Document = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

/** The credential that a security scheme requires. */
const CALLERS: Readonly<Record<string, string>> = {
  tenantKey: "a tenant's API key",
  adminToken: "the deployment's ADMIN_TOKEN",
  trainerToken: "the deployment's TRAINER_TOKEN",
};

interface Described {
  readonly summary?: string | undefined;
  readonly description?: string | undefined;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[] | undefined;
}

/** An operation's description, or else its summary, and who may call it. */
function describe({ summary = "", description, security = [] }: Described): string {
  const callers = security.flatMap((scheme) => Object.keys(scheme)).map((name) => CALLERS[name] ?? name);
  const who = callers.length === 0 ? "Needs no key." : `Needs ${callers.join(" or ")}.`;
  const what = description ?? summary;
  if (what === "" || what === who) return who;
  // The document may be built twice, and the second time already contains what the first wrote.
  return what.endsWith(who) ? what : `${what.replace(/\.$/, "")}. ${who}`;
}

const bearer = (description: string) => ({ type: "http", scheme: "bearer", description }) as const;

/** The OpenAPI document of the registered routes, with the error reply that any of them may send. */
export function openApiDocument(app: OpenAPIHono<AppEnv>): Document {
  const { openAPIRegistry: registry } = app;
  if (!registry.definitions.some((definition) => definition.type === "component")) {
    registry.registerComponent("securitySchemes", "tenantKey", bearer("A tenant's API key"));
    registry.registerComponent("securitySchemes", "adminToken", bearer("The deployment's ADMIN_TOKEN"));
    registry.registerComponent("securitySchemes", "trainerToken", bearer("The deployment's TRAINER_TOKEN"));
    registry.register("Error", ErrorResponse);
  }
  const document = app.getOpenAPI31Document({ openapi: "3.1.0", info: INFO, servers: [{ url: "/" }] });
  const error = {
    description: "An error",
    content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
  };
  for (const [path, item] of Object.entries(document.paths ?? {})) {
    for (const method of ["get", "post", "put", "patch", "delete"] as const) {
      const operation = item[method];
      if (operation?.responses === undefined) continue;
      operation.responses["4XX"] = error;
      operation.responses.default = error;
      operation.operationId ??= operationName(method, path);
      operation.description = describe(operation);
    }
  }
  return document;
}
