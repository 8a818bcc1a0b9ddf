import { expect, it } from "vitest";
import { Api } from "../support/api.ts";

const api = new Api();

it.each([
  ["/tokenize", "gzip", "gzip"],
  ["/v1/files", "br, gzip", "br, gzip"],
])("%s: a body in %s is refused by the name of its coding", async (path, coding, named) => {
  const headers = { "content-encoding": coding, "content-type": "application/json" };
  const response = await api.send("POST", path, { headers, body: "{}" });
  expect(response.status).toBe(400);
  const { error } = await response.json<{ error: { message: string } }>();
  expect(error.message).toContain(`content-encoding "${named}"`);
});

it("a body that states that it has none is read", async () => {
  const headers = { "content-encoding": "Identity", "content-type": "application/json" };
  const response = await api.send("POST", "/tokenize", { headers, body: "{" });
  expect((await response.json<{ error: { message: string } }>()).error.message).not.toContain("content-encoding");
});
