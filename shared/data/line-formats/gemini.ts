import { conversation } from "./conversation.ts";

/** Gemini: `{"contents": [{"role", "parts": [{"text"}]}, …]}`. */
export const gemini = conversation({ id: "gemini", name: "Gemini", key: "contents" });
