import { encodeLine } from "../../shared/data/encode-line.ts";
import type { TrainingMessage } from "../../shared/data/example.ts";
import { answeredPrompt } from "../../shared/data/preference-pair.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import { templateTools, templateTurns } from "./calls.ts";
import type { FinishedText } from "./judge-protocol.ts";
import type { encodeChat } from "./prompt.ts";
import type { ServedModel } from "./served-model.ts";

type FinishedModel = Parameters<typeof encodeChat>[0] & Pick<ServedModel, "tokenizer">;

export interface FinishedIds {
  /** The prompt, the completion and the token that ends it, as training reads them. */
  readonly whole: readonly number[];
  /** The completion by itself, without what ends it. */
  readonly alone: readonly number[];
}

/** As many characters as a text can have for each token of context; see `prompt.ts`. */
const MAX_CHARACTERS_PER_TOKEN = 32;

/**
 * The token ids of a finished text.
 *
 * @throws TrimtabError context_length_exceeded for more text than fits; invalid_request for a conversation that the model's template
 *   refuses or does not show, invalid_model where it has none; all with the text's place as `param`
 */
export function encodeFinished(model: FinishedModel, text: FinishedText): FinishedIds {
  const { param } = text;
  const characters = JSON.stringify(text).length;
  if (characters > MAX_CHARACTERS_PER_TOKEN * model.capacity) {
    const message = `\`${param}\` has ${characters} characters, and this model's context is ${model.capacity} tokens; shorten it`;
    throw new TrimtabError("context_length_exceeded", message, { param });
  }
  try {
    const read = encodeLine([exampleOf(model, text)], {
      ...{ line: 1, tokenizer: model.tokenizer, single: true, maxLength: Number.POSITIVE_INFINITY },
      template: () => model.template(),
    });
    if ("reason" in read) throw new TrimtabError("invalid_request", `\`${param}\`: ${read.detail}`);
    const { ids, labels } = read.examples[0]![0]!;
    // What a template writes after the end of the reply is no part of it.
    const end = labels.findLastIndex((label) => label !== IGNORED_LABEL) + 1;
    return { whole: [...ids.subarray(0, end)], alone: model.tokenizer.encode(replyOf(text)) };
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    const code = error.code === "invalid_dataset" ? "invalid_request" : error.code;
    const message = error.message.replace(/^line 1: /, `\`${param}\`: `);
    throw new TrimtabError(code, message, { param, data: error.data, cause: error });
  }
}

function exampleOf(model: FinishedModel, text: FinishedText) {
  if (text.kind === "text") return answeredPrompt(text.prompt, text.text);
  const turns = templateTurns(model, text.messages).map((message) => ({ ...message }) as unknown as TrainingMessage);
  const tools = text.tools === undefined ? [] : templateTools(text.tools.functions);
  return answeredPrompt(turns.slice(0, -1), turns.slice(-1), tools.length === 0 ? undefined : tools);
}

function replyOf(text: FinishedText): string {
  return text.kind === "text" ? text.text : text.messages.at(-1)!.content;
}
