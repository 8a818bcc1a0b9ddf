import { expect, it } from "vitest";
import { joinDatasets } from "../../../trainer/recipes/join-datasets.ts";

const file = (name: string, text: string) => ({
  dataset: { name, digest: name.repeat(64), bytes: new TextEncoder().encode(text) },
  weight: 1,
});

it("has all lines, and none of what may only begin a file", async () => {
  const files = [
    file("a", '\ufeff{"text":"1"}'),
    file("b", '{"type":"metadata"}\n{"text":"2"}\n'),
    file("c", '\n{"text":"3"}'),
    file("d", '{"type":"metadata"}'),
  ];
  const joined = await joinDatasets(files);
  expect(new TextDecoder().decode(joined.bytes)).toBe('{"text":"1"}\n{"text":"2"}\n\n{"text":"3"}\n\n');
  expect(joined).toMatchObject({ name: "a and 3 more", files });
  expect((await joinDatasets(files.slice(0, 1))).name).toBe("a");
  expect((await joinDatasets(files.toReversed())).digest).not.toBe(joined.digest);
});
