import { createRoute } from "@hono/zod-openapi";
import { expect, it } from "vitest";
import { z } from "zod";
import { openApiDocument } from "../../../edge/routes/document.ts";
import { replies, subApp, TENANT_SECURITY } from "../../../edge/routes/route.ts";

it("a route is described with its security and with the error that any route may give", () => {
  const app = subApp();
  const route = createRoute({
    method: "get",
    path: "/thing",
    security: TENANT_SECURITY,
    responses: replies(z.strictObject({ a: z.int() }).meta({ id: "Thing" }), "It"),
  });
  app.openapi(route, (c) => c.json({ a: 1 }, 200));
  const error = {
    description: "An error",
    content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
  };
  for (const _ of [1, 2]) {
    const document = openApiDocument(app);
    expect(document.paths?.["/thing"]?.get).toEqual({
      operationId: "getThing",
      description: "Needs a tenant's API key.",
      security: [{ tenantKey: [] }],
      responses: {
        200: { description: "It", content: { "application/json": { schema: { $ref: "#/components/schemas/Thing" } } } },
        "4XX": error,
        default: error,
      },
    });
    expect(Object.keys(document.components?.securitySchemes ?? {})).toEqual([
      "tenantKey",
      "adminToken",
      "trainerToken",
    ]);
    expect(document.components?.schemas).toHaveProperty("Error");
  }
});
