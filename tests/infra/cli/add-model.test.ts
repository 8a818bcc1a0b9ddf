import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { addModel, adminAccess } from "../../../infra/cli/add-model.ts";
import { StateFolder } from "../../../infra/start/state-folder.ts";

test("the server on this machine is found by its port and state folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "trimtab-add-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { admin_token: token } = new StateFolder(folder).secrets();
  expect(adminAccess({}, { PORT: "9000", TRIMTAB_STATE: folder })).toEqual({ url: "http://127.0.0.1:9000", token });
  const mistyped = join(folder, "typo");
  expect(() => adminAccess({}, { TRIMTAB_STATE: mistyped })).toThrow(`${mistyped} is not the state folder of a stack`);
});

test.each(["https://a.example", "https://a.example/", "https://a.example/v1", "https://a.example/v1/"])(
  "%s is a remote server",
  (url) => {
    expect(adminAccess({ url, token: "t" }, {})).toEqual({ url: "https://a.example", token: "t" });
    expect(adminAccess({ url }, { ADMIN_TOKEN: "e" }).token).toBe("e");
    expect(() => adminAccess({ url }, { ADMIN_TOKEN: "" })).toThrow("Give the server's admin token as --token");
  },
);

test.each(["a.example", "ftp://a.example", "https://"])("%j is no address", (url) => {
  expect(() => adminAccess({ url, token: "t" }, {})).toThrow(
    `--url is ${JSON.stringify(url)}: give the server's address`,
  );
});

test("a base that a remote server has already is ready at once", async () => {
  const seen: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    response.end(
      JSON.stringify({
        id: "mine",
        object: "base_model",
        created_at: 1,
        digest: "a".repeat(64),
        status: "ready",
        files: [],
        notes: ["It has no tools."],
      }),
    );
  });
  await new Promise<void>((started) => server.listen(0, "127.0.0.1", started));
  onTestFinished(() => void server.close());
  const access = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token: "secret" };
  const said = await addModel(join(import.meta.dirname, "../../../infra/base/model"), "mine", access);
  expect(said).toContain(`mine is ready at ${access.url}/v1`);
  expect(said).toMatch(/\nIt has no tools\.\n$/);
  expect(seen).toEqual(["POST /v1/admin/models Bearer secret"]);
  await expect(addModel("/no/such/folder", undefined, access)).rejects.toThrow("/no/such/folder does not exist");
});
