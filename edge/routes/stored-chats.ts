/** Chats that were sent with `store: true`, as OpenAI gives them back. */
import { createRoute } from "@hono/zod-openapi";
import { z } from "zod";
import {
  StoredChat,
  StoredChatList,
  StoredChatQuery,
  StoredMessageList,
  StoredMessageQuery,
  UpdateStoredChat,
} from "../../shared/api/kept-completions.ts";
import { Deleted } from "../../shared/api/lists.ts";
import { tenantAuth } from "./auth.ts";
import { jsonBody } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";

const params = z.strictObject({ completion_id: z.string().max(64) });
const tags = ["Generation"];
const security = TENANT_SECURITY;

const list = createRoute({
  method: "get",
  path: "/",
  tags,
  security,
  summary: "List chats that were kept, oldest first",
  request: { query: StoredChatQuery },
  responses: replies(StoredChatList, "A page of chats"),
});

const get = createRoute({
  method: "get",
  path: "/{completion_id}",
  tags,
  security,
  summary: "Read a chat that was kept",
  request: { params },
  responses: replies(StoredChat, "The chat, without scores and traces of its tokens"),
});

const messages = createRoute({
  method: "get",
  path: "/{completion_id}/messages",
  tags,
  security,
  summary: "Read what a chat was asked",
  request: { params, query: StoredMessageQuery },
  responses: replies(StoredMessageList, "A page of messages"),
});

const update = createRoute({
  method: "post",
  path: "/{completion_id}",
  tags,
  security,
  middleware: jsonBody,
  summary: "Replace the metadata of a chat that was kept",
  request: { params, body: jsonRequest(UpdateStoredChat) },
  responses: replies(StoredChat, "The chat"),
});

const remove = createRoute({
  method: "delete",
  path: "/{completion_id}",
  tags,
  security,
  summary: "Delete a chat that was kept; feedback on it stays",
  request: { params },
  responses: replies(Deleted, "What was deleted"),
});

export const storedChats = subApp();
storedChats.use("*", tenantAuth());

storedChats.openapi(list, async (c) => c.json(await c.var.caller.object.kept.chats(c.req.valid("query")), 200));

storedChats.openapi(get, async (c) =>
  c.json(await c.var.caller.object.kept.chat(c.req.valid("param").completion_id), 200),
);

storedChats.openapi(messages, async (c) =>
  c.json(await c.var.caller.object.kept.messages(c.req.valid("param").completion_id, c.req.valid("query")), 200),
);

storedChats.openapi(update, async (c) => {
  const { completion_id: id } = c.req.valid("param");
  return c.json(await c.var.caller.object.kept.updateChat(id, c.req.valid("json").metadata), 200);
});

storedChats.openapi(remove, async (c) =>
  c.json(await c.var.caller.object.kept.delete(c.req.valid("param").completion_id, "chat"), 200),
);
