/**
 * A conversation whose assistant turns are trained on, a text whose continuation is, or a whole text that follows `lead`, ids
 * which take the place of the tokenizer's own.
 */
export type Example =
  | { readonly kind: "chat"; readonly messages: readonly TrainingMessage[]; readonly tools?: readonly unknown[] }
  | { readonly kind: "completion"; readonly prompt: string; readonly completion: string }
  | { readonly kind: "led"; readonly lead: readonly number[]; readonly text: string };

export interface TrainingMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  /** 0: this assistant turn is not trained on. */
  readonly weight?: 0 | 1;
  readonly [field: string]: unknown;
}

export function chatExample(messages: readonly TrainingMessage[], tools?: readonly unknown[]): Example {
  return { kind: "chat", messages, ...(tools === undefined ? {} : { tools }) };
}

/** No turn for an empty text. */
export function systemTurn(content: string | null | undefined): TrainingMessage[] {
  return content == null || content === "" ? [] : [{ role: "system", content }];
}

export function userTurn(content: string): TrainingMessage {
  return { role: "user", content };
}

export function assistantTurn(content: string): TrainingMessage {
  return { role: "assistant", content };
}

/** An instruction and its input, as one text. */
export function instructionWith(instruction: string, input: string | null | undefined): string {
  return [instruction, input ?? ""].filter((part) => part !== "").join("\n\n");
}
