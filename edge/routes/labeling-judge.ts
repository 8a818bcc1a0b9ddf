/** Steps in which a model labels the tasks of a project as people do, so that both can be compared. */
import type { Context } from "hono";
import type { JudgeStep } from "../../shared/api/label-work.ts";
import type { LabelAnswer, ProjectSettings } from "../../shared/api/labeling.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type JudgedTaskTexts, judgeOrder, judgeQuestion } from "../../shared/labeling/judge.ts";
import { shuffled } from "../../shared/labeling/texts.ts";
import { createRandom } from "../../shared/random.ts";
import type { UnjudgedTask } from "../objects/tenant/label-judge-rows.ts";
import type { AppEnv } from "./app-env.ts";
import { askGraderModel, requireModel } from "./grader-models.ts";

/** When a step begins no further task, in milliseconds. */
const STEP_MS = 20_000;

/**
 * Has a model label up to `most` tasks that it has not labelled. Each label is stored as it is given; a task that fails is named,
 * and is asked again by a later step, behind those that failed less often.
 *
 * @throws TrimtabError model_not_found and the like, of `model`
 */
export async function judgeTasks(
  c: Context<AppEnv>,
  project: string,
  asked: { model: string; tasks: number },
): Promise<JudgeStep> {
  const { labeling } = c.var.caller.object;
  const { model } = asked;
  const settings = await labeling.get(project);
  await requireModel(c, { model, param: "model" });
  const { tasks } = await labeling.unjudged(project, model, asked.tasks);
  const judge = `judge:${model}`;
  const failed: JudgeStep["failed"] = [];
  const started = Date.now();
  let labelled = 0;
  for (const task of tasks) {
    if (labelled + failed.length > 0 && Date.now() - started > STEP_MS) break;
    const shown = shuffled(
      task.texts.map((_, index) => index),
      createRandom(settings.seed, "shown", task.id, judge),
    );
    const answer = await judged(c, { model, settings, task, shown });
    if ("failure" in answer) {
      failed.push({ task_id: task.id, reason: answer.failure });
      await labeling.judgeFailed(project, model, task.id);
    } else if (await labeling.judged(project, { task: task.id, rater: judge, answer, shown })) labelled += 1;
  }
  const { left } = await labeling.unjudged(project, model, 1);
  return { object: "labeling.judge", judge, labelled, failed, left };
}

interface TaskToJudge {
  readonly model: string;
  readonly settings: ProjectSettings;
  readonly task: UnjudgedTask;
  readonly shown: readonly number[];
}

/** A judge compares the texts of a ranking two at a time. */
async function judged(
  c: Context<AppEnv>,
  { model, settings, task, shown }: TaskToJudge,
): Promise<LabelAnswer | { failure: string }> {
  const ask = async (texts: JudgedTaskTexts) => {
    const { messages, choices } = judgeQuestion(texts, settings);
    const rule = { spec: { choice: choices }, param: "model" };
    const answer = await askGraderModel(c, { model, messages, sampling: { temperature: 0 }, rule, at: "model" }).catch(
      (error: unknown) => {
        if (error instanceof TrimtabError && error.code !== "model_not_found") return { failure: error.message };
        throw error;
      },
    );
    if ("failure" in answer) return answer;
    const at = choices.indexOf(answer.text);
    return at < 0
      ? { failure: `The model answered ${JSON.stringify(answer.text.slice(0, 80))}.` }
      : { choice: answer.text };
  };
  const textOf = (index: number) => task.texts[index]!.message.content;
  if (task.type === "rating") {
    const said = await ask({ prompt: task.prompt, texts: [textOf(0)] });
    return "failure" in said ? said : { type: "rating", value: Number(said.choice) };
  }
  const wins: (readonly [winner: number | null, a: number, b: number])[] = [];
  for (const [at, a] of shown.entries()) {
    for (const b of shown.slice(at + 1)) {
      const said = await ask({ prompt: task.prompt, texts: [textOf(a), textOf(b)] });
      if ("failure" in said) return said;
      wins.push([said.choice === "A" ? a : said.choice === "B" ? b : null, a, b]);
    }
  }
  return judgeOrder(task.type, task.texts.length, wins);
}
