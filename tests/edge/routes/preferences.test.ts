import { beforeAll, describe, expect, it } from "vitest";
import { PreferenceInspectionReport } from "../../../shared/api/preferences.ts";
import { Api } from "../support/api.ts";

const api = new Api();
let key: string;

beforeAll(async () => {
  key = await api.tenant("inspectors");
});

const inspect = async (body: Record<string, unknown>) =>
  PreferenceInspectionReport.parse(await api.call("POST", "/v1/preferences/inspect", { key, body }));
const refused = (body: Record<string, unknown>, as = key) =>
  api.refusal("POST", "/v1/preferences/inspect", { key: as, body });

const PAIRS = [
  { prompt: "a", chosen: "a long answer", rejected: "short", rater: "ada" },
  { prompt: "a", chosen: "short", rejected: "a long answer", rater: "bob" },
  { prompt: "b", chosen: "yes", rejected: "no" },
];

describe("the inspection of a file", () => {
  it("says what its preferences look like", async () => {
    const file = await api.dataset(key, PAIRS);
    const found = await inspect({ file_id: file });
    expect(found).toMatchObject({
      object: "preferences.inspection",
      file_id: file,
      kind: "preference_pairs",
      lines: 3,
      contradictions: 1,
      agreement: { raters: 2, percent: { value: 0, n: 1 } },
      longer_is_better: { characters: { value: 2 / 3, n: 3 } },
      examples: [{ line: 2, problem: "contradiction", earlier_line: 1 }],
    });
    expect(await inspect({ training_file: file })).toEqual(found);
  });

  it("reads every kind of preferences, also compressed and as CSV", async () => {
    const of = async (lines: readonly unknown[]) => (await inspect({ file_id: await api.dataset(key, lines) })).kind;
    expect(
      await of([
        { prompt: "a", completion: "b", label: true },
        { prompt: "a", completion: "c", label: false },
      ]),
    ).toBe("unpaired_preferences");
    expect(await of([{ prompt: "a", completions: ["b", "c"] }])).toBe("rankings");
    expect(
      await of([
        { prompt: "a", completion: "b", rating: 1 },
        { prompt: "a", completion: "c", rating: 2 },
      ]),
    ).toBe("ratings");
    const csv = ["prompt,chosen,rejected,rater", "a,b,c,ada", "a,b,c,bob"].join("\n");
    expect(await inspect({ file_id: await api.dataset(key, [csv]) })).toMatchObject({
      lines: 2,
      duplicates: 0,
      agreement: { percent: { value: 1 } },
    });
    const gzip = new Blob([PAIRS.map((line) => JSON.stringify(line)).join("\n")])
      .stream()
      .pipeThrough(new CompressionStream("gzip"));
    const form = new FormData();
    form.set("purpose", "fine-tune");
    form.set("file", new File([await new Response(gzip).arrayBuffer()], "pairs.jsonl.gz"));
    const { id } = await api.call<{ id: string }>("POST", "/v1/files", { key, body: form });
    expect(await inspect({ file_id: id })).toMatchObject({ lines: 3 });
  });

  it("is refused for what is no file of preferences, and for another tenant's", async () => {
    expect(await refused({})).toMatchObject({ param: "file_id" });
    expect(await refused({ file_id: "a", training_file: "b" })).toMatchObject({ param: "file_id" });
    expect(await refused({ training_file: "file-x" })).toMatchObject({ status: 404, param: "training_file" });
    const chats = await api.dataset(key);
    expect(await refused({ file_id: chats })).toMatchObject({
      status: 400,
      param: "file_id",
      message: expect.stringContaining("examples"),
    });
    const pairs = await api.dataset(key, PAIRS);
    expect(await refused({ file_id: pairs, kind: "ratings" })).toMatchObject({ param: "kind" });
    const stranger = await api.tenant("no-inspector");
    expect(await refused({ file_id: pairs }, stranger)).toMatchObject({ status: 404 });
  });
});
