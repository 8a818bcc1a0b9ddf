/** One turn. Other fields (`name`, `tool_calls`, …) are passed to the template as they are. */
export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  /** 0: learn nothing from this assistant turn. */
  readonly weight?: number | undefined;
  readonly [field: string]: unknown;
}
