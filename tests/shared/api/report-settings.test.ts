import { expect, it } from "vitest";
import { Method, modelsAskedBy } from "../../../shared/api/methods.ts";
import { checkReport, REPORT_DEFAULTS, ReportSettings } from "../../../shared/api/report-settings.ts";

const judge = { type: "string_check", name: "j", operation: "eq", input: "{{sample.output_text}}", reference: "a" };
const asking = {
  ...{ type: "score_model", name: "j", model: "ft:judge" },
  input: [{ role: "user", content: "Rate: {{sample.output_text}}" }],
};

it("is made by default, within a budget", () => {
  expect(REPORT_DEFAULTS).toEqual({ enabled: true, prompts: 32, samples: 1, max_tokens: 64 });
  expect(Method.parse({ type: "dpo" })).not.toHaveProperty("dpo.report");
});

it.each([
  [{ prompts: 0 }],
  [{ prompts: 257 }],
  [{ samples: 9 }],
  [{ max_tokens: 0 }],
  [{ judge: "x" }],
  [{ on: true }],
])("%j is refused", (settings) => {
  expect(ReportSettings.safeParse(settings).success).toBe(false);
});

it("names the models that its judge asks, unless it is turned off", () => {
  const asked = (type: "dpo" | "kto", report: object) => modelsAskedBy(Method.parse({ type, [type]: { report } }));
  expect(asked("dpo", { judge: asking })).toEqual([
    { name: "ft:judge", param: expect.stringMatching(/^method\.dpo\.report\.judge/) },
  ]);
  expect([asked("kto", { judge }), asked("kto", { enabled: false, judge: asking }), asked("dpo", {})]).toEqual([
    [],
    [],
    [],
  ]);
});

it("refuses a judge that can grade nothing, with its field", () => {
  const broken = ReportSettings.parse({ judge: { ...judge, input: "{{nothing.at_all}}" } });
  expect(() => checkReport({ report: broken }, "method.dpo")).toThrow(
    expect.objectContaining({ code: "invalid_request", param: expect.stringContaining("method.dpo.report.judge") }),
  );
  checkReport({ report: ReportSettings.parse({ judge }) }, "method.dpo");
  checkReport({}, "method.dpo");
});
