import { describe, expect, it } from "vitest";
import { formBoundary } from "../../../edge/blobs/multipart.ts";
import { type ReceivedArchive, receiveArchive } from "../../../edge/blobs/receive-archive.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { LIMITS } from "../../../shared/limits.ts";

const bytes = new TextEncoder().encode("an archive");
const file = (contents: Uint8Array = bytes) => new File([contents as Uint8Array<ArrayBuffer>], "adapter.tar");

function receive(fields: readonly (readonly [string, File | string])[]): Promise<ReceivedArchive> {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value as string);
  const response = new Response(form);
  const boundary = formBoundary(response.headers.get("content-type") ?? undefined, "`file`");
  return receiveArchive({ body: response.body!, boundary });
}

describe("receiveArchive", () => {
  it("gives the bytes and the fields", async () => {
    const received = await receive([
      ["model", "base"],
      ["file", file()],
      ["suffix", "pirate-2"],
    ]);
    expect(received).toEqual({
      filename: "adapter.tar",
      bytes,
      sha256: await sha256Hex(bytes),
      model: "base",
      suffix: "pirate-2",
    });
    expect(
      (
        await receive([
          ["file", file()],
          ["model", "base"],
        ])
      ).suffix,
    ).toBeNull();
  });

  it.each<[string, [string, File | string][], string, RegExp]>([
    ["no file", [["model", "base"]], "file", /is required: the PEFT folder/],
    ["no model", [["file", file()]], "model", /is required: the base model/],
    [
      "a file that is none",
      [
        ["model", "base"],
        ["file", "text"],
      ],
      "file",
      /must be a file/,
    ],
    [
      "two files",
      [
        ["file", file()],
        ["file", file()],
      ],
      "file",
      /is there twice/,
    ],
    [
      "two models",
      [
        ["model", "a"],
        ["model", "b"],
      ],
      "model",
      /is there twice/,
    ],
    ["an unknown field", [["purpose", "x"]], "purpose", /is an unknown field/],
    [
      "a suffix that no job could have",
      [
        ["model", "a"],
        ["file", file()],
        ["suffix", "a.b"],
      ],
      "suffix",
      /must be 1 to 64 letters, digits, `-` and `_`/,
    ],
    [
      "a bad suffix",
      [
        ["model", "a"],
        ["file", file()],
        ["suffix", "a:b"],
      ],
      "suffix",
      /must be 1 to 64 letters/,
    ],
  ])("refuses %s", async (_name, fields, param, message) => {
    await expect(receive(fields)).rejects.toMatchObject({ code: "invalid_request", param });
    await expect(receive(fields)).rejects.toThrow(message);
  });

  it("stops reading at the limit", async () => {
    const large = file(new Uint8Array(LIMITS.deltaUpload + 1));
    await expect(
      receive([
        ["model", "base"],
        ["file", large],
      ]),
    ).rejects.toMatchObject({
      code: "payload_too_large",
      param: "file",
      message: expect.stringContaining("Save the adapter in 16 bits"),
    });
  });
});
