/** One turn. Other fields (`name`, `tool_calls`, …) are passed to the template unchanged. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  /** 0 excludes this assistant turn from training. */
  readonly weight?: number | undefined;
  readonly [field: string]: unknown;
}
