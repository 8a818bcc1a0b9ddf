/**
 * What a model is asked as critic, reviser and judge, after Constitutional AI (Bai et al. 2022): conversations in which the examples
 * of the constitution come first, as turns that were answered before. Pure functions.
 */
import type { ConstitutionContent, CritiqueExample, Principle } from "../../../shared/api/constitutions.ts";
import type { Question } from "../../../shared/graders/kind.ts";
import { render } from "../../../shared/graders/render.ts";

export type Turns = Question["messages"];

/** A reply to look at. */
export interface Replied {
  readonly prompt: string;
  readonly reply: string;
}

export const nameOf = ({ name, principle }: Principle): string => name ?? principle;

const ANY = "A reply is helpful, polite, honest and clear.";

const shown = ({ prompt, reply }: Replied) => `A person asked:\n${prompt}\n\nThe reply was:\n${reply}`;

function askForCritique({ principle, critique }: Principle): string {
  return critique ?? `Principle: ${principle}\nSay in a sentence or two how the reply falls short of it.`;
}

function askForRevision({ principle, revision }: Principle): string {
  return (
    revision ??
    `Principle: ${principle}\nWrite the reply again so that it keeps to it. Write nothing but the new reply.`
  );
}

const principleOf = ({ principle = ANY }: CritiqueExample): Principle => ({ principle });

const turn = (role: "user" | "assistant", content: string) => ({ role, content }) as const;

export function critiqueRequest({ examples = [] }: ConstitutionContent, principle: Principle, replied: Replied): Turns {
  return [
    ...examples.flatMap((example) => [
      turn("user", `${shown(example)}\n\n${askForCritique(principleOf(example))}`),
      turn("assistant", example.critique),
    ]),
    turn("user", `${shown(replied)}\n\n${askForCritique(principle)}`),
  ];
}

export function revisionRequest(
  { examples = [] }: ConstitutionContent,
  principle: Principle,
  { critique, ...replied }: Replied & { readonly critique: string },
): Turns {
  const criticised = (text: string) => `A critic says:\n${text}`;
  return [
    ...examples.flatMap((example) => [
      turn("user", [shown(example), criticised(example.critique), askForRevision(principleOf(example))].join("\n\n")),
      turn("assistant", example.revision),
    ]),
    turn("user", [shown(replied), criticised(critique), askForRevision(principle)].join("\n\n")),
  ];
}

/** The answers to a request for a label: the first reply shown, or the second. */
export const LABELS = ["A", "B"] as const;

const LABEL_PROMPT =
  "A person asked:\n{{item.prompt}}\n\nReply A:\n{{item.a}}\n\nReply B:\n{{item.b}}\n\nPrinciple: {{item.principle}}\nWhich reply keeps to the principle better? Answer with A or B alone.";

/** Asks which of two replies is better; its examples show that `A` and `B` are the answers, one of each. */
export function labelRequest(
  { examples = [], label_prompt: template = LABEL_PROMPT }: ConstitutionContent,
  principle: Principle,
  { prompt, a, b }: { readonly prompt: string; readonly a: string; readonly b: string },
): Turns {
  const fill = (item: Readonly<Record<"principle" | "prompt" | "a" | "b", string>>): string => {
    const rendered = render(template, { item, sample: NO_SAMPLE }, "constitution.label_prompt");
    // Templates of constitutions name no part of a sample, so nothing can be missing.
    return "text" in rendered ? rendered.text : template;
  };
  return [
    ...examples.flatMap((example, at) => {
      const sides = [example.revision, example.reply];
      const [first, second] = at % 2 === 0 ? sides : sides.toReversed();
      const item = { principle: principleOf(example).principle, prompt: example.prompt, a: first!, b: second! };
      return [turn("user", fill(item)), turn("assistant", LABELS[at % 2]!)];
    }),
    turn("user", fill({ principle: principle.principle, prompt, a, b })),
  ];
}

const NO_SAMPLE = { output_text: "", output_json: undefined, output_tools: [], choices: [] };
