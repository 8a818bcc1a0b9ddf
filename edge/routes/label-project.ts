import type { Context } from "hono";
import type { CreateLabelProject } from "../../shared/api/labeling.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { answerProblem } from "../../shared/labeling/answers.ts";
import type { ProjectToCreate } from "../objects/tenant/labeling.ts";
import type { AppEnv } from "./app-env.ts";
import { filePrompts, givenPrompt } from "./labeling-prompts.ts";
import { labelModels } from "./labeling-samples.ts";

/**
 * Checks what a new project names and reads its prompts.
 *
 * @throws TrimtabError invalid_request for gold items that do not fit the task; as `labelModels` and `filePrompts` do
 */
export async function projectToCreate(c: Context<AppEnv>, request: CreateLabelProject): Promise<ProjectToCreate> {
  const { prompts, prompts_file: file, gold, ...settings } = request;
  for (const [index, { texts, answer }] of gold.entries()) {
    const at = `gold[${index}]`;
    const [least, most] = { pairwise: [2, 2], rating: [1, 1], ranking: [2, Number.POSITIVE_INFINITY] }[settings.task];
    if (texts.length < least! || texts.length > most!) {
      const wanted = most === least ? `${least}` : `at least ${least}`;
      const message = `\`${at}.texts\` must have ${wanted} for a ${settings.task} task.`;
      throw new TrimtabError("invalid_request", message, { param: `${at}.texts` });
    }
    const problem = answerProblem(answer, { type: settings.task, texts: texts.length }, settings.rating_scale);
    if (problem === undefined) continue;
    const param = `${at}.answer.${problem.field}`;
    throw new TrimtabError("invalid_request", `\`${param}\` ${problem.demand}.`, { param });
  }
  await labelModels(c, settings);
  const { object } = c.var.caller;
  return {
    settings,
    prompts: prompts === undefined ? await filePrompts(object, c.env.BLOBS, file!) : prompts.map(givenPrompt),
    gold: gold.map(({ prompt, texts, answer }) => ({
      prompt: givenPrompt(prompt),
      texts: texts.map((content) => ({ message: { role: "assistant", content }, made: null })),
      answer,
    })),
  };
}
