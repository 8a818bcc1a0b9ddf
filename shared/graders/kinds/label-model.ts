import { z } from "zod";
import { flawed, graderKind } from "../kind.ts";
import { graderName } from "./fields.ts";
import { checkMessages, graderMessages, renderMessages } from "./messages.ts";

const labels = z.array(z.string().min(1).max(256)).min(1).max(128);

/** 1 where the label that a model gives is one of those that pass; otherwise 0. The answer is held to the labels. */
export const labelModel = graderKind({
  type: "label_model",
  schema: z
    .strictObject({
      type: z.literal("label_model"),
      name: graderName,
      model: z.string().min(1).max(300),
      input: graderMessages,
      labels: labels
        .refine((all) => new Set(all).size === all.length, "must not name a label twice")
        .meta({ description: "The model's answer is held to one of them, at temperature 0" }),
      passing_labels: labels,
    })
    .superRefine(({ labels: all, passing_labels: passing }, context) => {
      passing.forEach((label, index) => {
        if (all.includes(label)) return;
        context.addIssue({ code: "custom", path: ["passing_labels", index], message: "must be one of `labels`" });
      });
    })
    .meta({ id: "LabelModelGrader" }),
  check: ({ input }, at) => checkMessages(input, at),
  models: ({ model }, at) => [{ model, param: `${at}.model` }],
  async grade({ model, input, labels: choice, passing_labels: passing }, context) {
    const { at, ask, observation } = context;
    const messages = renderMessages(input, { observation, list: `${at}.input` });
    if ("flaw" in messages) return flawed(messages.flaw);
    const rule = { spec: { choice }, param: `${at}.labels` };
    const answer = await ask({ model, messages, sampling: { temperature: 0 }, rule, at });
    const usage = answer.usage === undefined ? [] : ([[model, answer.usage]] as const);
    if ("failure" in answer) {
      const details = { model_grader_server_error_details: answer.failure };
      return flawed({ model_grader_server_error: true, ...details }, usage);
    }
    if (!choice.includes(answer.text)) return flawed({ model_grader_parse_error: true }, usage);
    return { score: passing.includes(answer.text) ? 1 : 0, usage };
  },
});
