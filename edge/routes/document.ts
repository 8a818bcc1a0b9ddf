import type { OpenAPIHono } from "@hono/zod-openapi";
import { ErrorResponse } from "../../shared/api/errors.ts";
import type { AppEnv } from "./app-env.ts";

type Document = ReturnType<OpenAPIHono["getOpenAPI31Document"]>;

const bearer = (description: string) => ({ type: "http", scheme: "bearer", description }) as const;

const INFO = {
  title: "Trimtab",
  version: "1",
  description: "A property of a JSON request that is null counts as left out, whether or not its schema allows null.",
};

/** The OpenAPI document of the registered routes, with the error reply that any of them may give. */
export function openApiDocument(app: OpenAPIHono<AppEnv>): Document {
  const { openAPIRegistry: registry } = app;
  if (!registry.definitions.some((definition) => definition.type === "component")) {
    registry.registerComponent("securitySchemes", "tenantKey", bearer("A tenant's API key"));
    registry.registerComponent("securitySchemes", "adminToken", bearer("The deployment's ADMIN_TOKEN"));
    registry.registerComponent("securitySchemes", "trainerToken", bearer("The deployment's TRAINER_TOKEN"));
    registry.register("Error", ErrorResponse);
  }
  const document = app.getOpenAPI31Document({ openapi: "3.1.0", info: INFO });
  const error = {
    description: "An error",
    content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
  };
  for (const path of Object.values(document.paths ?? {})) {
    for (const method of ["get", "post", "put", "patch", "delete"] as const) {
      const operation = path[method];
      if (operation?.responses !== undefined) operation.responses.default = error;
    }
  }
  return document;
}
