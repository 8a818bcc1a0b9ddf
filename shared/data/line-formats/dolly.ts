import { instructed } from "./instructed.ts";

/** Dolly: `{"instruction", "context", "response"}`; GPTeacher calls the context `input`. */
export const dolly = instructed({ id: "dolly", name: "Dolly", about: ["context", "input"], answer: "response" });
