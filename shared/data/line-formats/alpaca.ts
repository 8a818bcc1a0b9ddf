import { instructed } from "./instructed.ts";

/** Alpaca: `{"instruction", "input", "output"}`, with LLaMA-Factory's `system` and `history`. */
export const alpaca = instructed({ id: "alpaca", name: "Alpaca", about: ["input", "context"], answer: "output" });
