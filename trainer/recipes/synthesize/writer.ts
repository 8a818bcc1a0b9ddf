import type { SynthesizeSettings } from "../../../shared/api/synthesize.ts";
import { type Asked, writtenText } from "../../../shared/synthesis/requests.ts";
import { remoteJudge } from "../constitutional/judges.ts";
import type { PromptText } from "../constitutional/prompts.ts";
import type { StartingModel } from "../constitutional/starting-model.ts";
import type { RecipeContext } from "../recipe.ts";
import type { Unusable } from "./records.ts";

/** A whole text, or why there is none. */
export type Text = { readonly text: string } | { readonly problem: Unusable; readonly reason: string };

/** Writes a text for each request; the same requests and seed give the same texts, as far as the model does. */
export type Writer = (asked: readonly Asked[], of: "instruction" | "output", seed: number) => Promise<Text[]>;

type Sampling = Pick<SynthesizeSettings, "temperature" | "top_p" | "max_tokens" | "templates">;

/** The job's own model. */
export function ownWriter(model: StartingModel, { temperature, top_p: topP, max_tokens, templates }: Sampling): Writer {
  return async (asked, of, seed) => {
    const sampling = { samples: 1, maxTokens: max_tokens, temperature, topP, seed };
    const written = await model.write(asked.map(promptOf), sampling);
    return written.map(([whole], at): Text => {
      if (whole === undefined)
        return { problem: "no_room", reason: "the request leaves no room in the model's context" };
      return textOf(writtenText(whole, { asked: asked[at]!, of, templates }), max_tokens);
    });
  };
}

/** A model of the API. */
export function remoteWriter(
  ask: RecipeContext["ask"],
  {
    temperature,
    top_p: topP,
    max_tokens: maxTokens,
    templates,
    model,
    at,
  }: Sampling & { readonly model: string; readonly at: string },
): Writer {
  const judge = remoteJudge(ask, { model, at, temperature, topP, maxTokens });
  return async (asked, of, seed) => {
    const turns = asked.map((one) => [{ role: "user", content: "text" in one ? one.text : one.user } as const]);
    const answers = await judge.write(turns, { seed, whole: true });
    return answers.map((answer, i): Text => {
      if ("problem" in answer) return { problem: "failed", reason: answer.problem };
      return textOf(writtenText({ text: answer.value, ended: true }, { asked: asked[i]!, of, templates }), maxTokens);
    });
  };
}

function textOf(text: string | null, maxTokens: number): Text {
  if (text === null) return { problem: "unfinished", reason: `it was cut at ${maxTokens} tokens` };
  return text === "" ? { problem: "unfinished", reason: "nothing was written" } : { text };
}

export function promptOf(asked: Asked): PromptText {
  return { prompt: "text" in asked ? asked.text : [{ role: "user", content: asked.user }] };
}
