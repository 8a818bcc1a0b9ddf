import { conversation } from "./conversation.ts";

/**
 * OpenAI's conversations: `{"messages": [{"role", "content"}, …]}`, with tools, calls and weights. Tulu, smoltalk, no_robots,
 * UltraChat 200k and most newer collections are written like this.
 */
export const chat = conversation({ id: "chat", name: "chat", key: "messages" });
