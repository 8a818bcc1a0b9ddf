/**
 * Encodes the assistant's turns of a conversation as serving would show them: the ids before a turn are those of its
 * prompt, followed by ids that a model can emit after that prompt.
 */
import type { Turn } from "./chat-spans.ts";
import type { Continues, Tokenizer } from "./tokenizer.ts";

/** A sequence of tokens to train on. */
export interface EncodedChat {
  readonly ids: number[];
  /** The id for target tokens, −100 elsewhere; not shifted. */
  readonly labels: number[];
}

/** One sequence of a conversation. */
export interface TurnSequence extends EncodedChat {
  /** The indices of the messages that it trains. */
  readonly messages: readonly number[];
}

export const IGNORED_LABEL = -100;

export interface SequenceInput {
  readonly tokenizer: Tokenizer;
  readonly turns: readonly Turn[];
  /** Restores masked text in rendered text. */
  readonly unmask: (text: string) => string;
}

/**
 * As few sequences as the template allows: a turn joins the sequence of the previous turn if its own prompt begins with
 * exactly those tokens. Where a template shows a turn differently once others follow, or the tokenizer merges its edges
 * with the text around it, every such turn gets a sequence of its own.
 */
export function encodeTurns({ tokenizer, turns, unmask }: SequenceInput): TurnSequence[] {
  const encodeText = cached((text, continues) => tokenizer.encode(unmask(text), { continues }));
  const sequences: (EncodedChat & { messages: number[]; rest: number[] })[] = [];
  for (const turn of turns) {
    const prompt = encodePieces(turn.prompt);
    const reply = encodeReply(turn);
    let sequence = sequences.at(-1);
    if (!sequence?.ids.every((id, at) => id === prompt[at])) {
      sequence = { messages: [], ids: [], labels: [], rest: [] };
      sequences.push(sequence);
    }
    sequence.messages.push(turn.message);
    for (const id of prompt.slice(sequence.ids.length)) {
      sequence.ids.push(id);
      sequence.labels.push(IGNORED_LABEL);
    }
    for (const { id, trained } of reply) {
      sequence.ids.push(id);
      sequence.labels.push(trained ? id : IGNORED_LABEL);
    }
    sequence.rest = turn.closed ? encodePieces(turn.rest) : [];
  }
  // The template's text after the end of the last turn keeps the ids equal to those of the whole conversation.
  return sequences.map(({ messages, ids, labels, rest }) => ({
    messages,
    ids: [...ids, ...rest],
    labels: [...labels, ...rest.map(() => IGNORED_LABEL)],
  }));

  function encodePieces(text: string): number[] {
    return tokenizer
      .splitControl(text)
      .flatMap((piece) => (piece.id === undefined ? encodeText(piece.text, piece.start > 0) : [piece.id]));
  }

  function encodeReply({ prompt, reply, closed, trained }: Turn): { id: number; trained: boolean }[] {
    const edges = trained.flatMap(({ start, end }) => [prompt.length + start, prompt.length + end]);
    const all = tokenizer.splitControl(prompt + reply, [prompt.length, ...edges]);
    const tokens: { id: number; trained: boolean }[] = [];
    // The text since the last control token: what the next piece continues.
    let before = { text: "", continues: false };
    for (const piece of all) {
      const inReply = piece.start >= prompt.length;
      const isTrained =
        inReply &&
        trained.some(({ start, end }) => piece.start >= prompt.length + start && piece.end <= prompt.length + end);
      if (piece.id !== undefined) {
        before = { text: "", continues: true };
        if (inReply) tokens.push({ id: piece.id, trained: isTrained });
        continue;
      }
      if (before.text === "") before = { ...before, continues: piece.start > 0 };
      if (inReply) {
        for (const id of continuation(before, piece.text)) tokens.push({ id, trained: isTrained });
      }
      before = { ...before, text: before.text + piece.text };
    }
    if (!closed) tokens.push({ id: tokenizer.eosId, trained: true });
    return tokens;
  }

  /**
   * The ids of a text that follows another without a control token in between. Encodes both together if the result
   * begins with the ids of the first. Otherwise the tokenizer would merge across the boundary, which a model that
   * continues the first text cannot do, so the second text is encoded as a continuation.
   */
  function continuation(before: { text: string; continues: boolean }, text: string): readonly number[] {
    if (before.text === "") return encodeText(text, before.continues);
    const first = encodeText(before.text, before.continues);
    const both = encodeText(before.text + text, before.continues);
    if (first.every((id, at) => id === both[at])) return both.slice(first.length);
    return encodeText(text, "text");
  }
}

/** The prompts of a conversation share their beginnings, so most texts occur in several. */
function cached(encode: (text: string, continues: Continues) => number[]) {
  const known = new Map<string, readonly number[]>();
  return (text: string, continues: Continues): readonly number[] => {
    const key = `${continues} ${text}`;
    let ids = known.get(key);
    if (ids === undefined) {
      ids = encode(text, continues);
      known.set(key, ids);
    }
    return ids;
  };
}
