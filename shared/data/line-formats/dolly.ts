import { instructed } from "./instructed.ts";

/** Dolly: `{"instruction", "context", "response"}`. */
export const dolly = instructed({ id: "dolly", name: "Dolly", about: "context", answer: "response" });
