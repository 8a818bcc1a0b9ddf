import { alpaca } from "./alpaca.ts";
import { chat } from "./chat.ts";
import { dolly } from "./dolly.ts";
import { flan } from "./flan.ts";
import type { LineFormat } from "./format.ts";
import { openorca } from "./openorca.ts";
import { promptCompletion } from "./prompt-completion.ts";
import { sharegpt } from "./sharegpt.ts";

/** A line is of the first format all of whose keys it has. */
export const LINE_FORMATS: readonly LineFormat[] = [chat, promptCompletion, sharegpt, openorca, alpaca, dolly, flan];
