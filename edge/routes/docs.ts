import { Scalar } from "@scalar/hono-api-reference";
import { subApp } from "./route.ts";

/** A page that shows the OpenAPI document and tries its requests. The browser loads Scalar's script from a CDN. */
export const docs = subApp();

docs.get("/", Scalar({ url: "/openapi.json", pageTitle: "Trimtab API" }));
