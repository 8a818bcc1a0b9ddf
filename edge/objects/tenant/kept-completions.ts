import type {
  KeptCompletion,
  KeptKind,
  StoredChat,
  StoredCompletion,
  StoredMessage,
} from "../../../shared/api/kept-completions.ts";
import { type Deleted, type ListOf, listOf, type Page } from "../../../shared/api/lists.ts";
import { pageOf, unknownCursor } from "../page.ts";
import { tenantModule } from "./context.ts";
import {
  completionOf,
  dropExpired,
  KEPT_TABLES,
  type KeptRow,
  keep,
  keepMetadata,
  nextExpiry,
  requireKept,
} from "./kept-completion-rows.ts";

export type StoredChatPage = Page & { readonly order: "asc" | "desc"; readonly model?: string | undefined };

/** Of the kind that the caller's API lists; another kind's id names nothing there. */
const OF_KIND = "kind = ?";

/** What the reply to a deletion is called. */
const DELETED: Readonly<Record<KeptKind, string>> = {
  chat: "chat.completion.deleted",
  text: "text_completion.deleted",
  response: "response",
};

/** Completions whose requests asked for them to be kept. */
export const keptCompletions = tenantModule({
  schema: KEPT_TABLES,

  open: ({ db, now, rearm, requireCreated }) => {
    const required = (id: string, kind: KeptKind): KeptRow =>
      requireKept(db, id, kind === "response" ? "response_id" : "completion_id", kind);

    return {
      calls: {
        /** @throws TrimtabError payload_too_large */
        async keep(kept: KeptCompletion): Promise<void> {
          requireCreated();
          db.transaction(() => {
            dropExpired(db, now());
            keep(db, kept);
          });
          await rearm();
        },

        chats(page: StoredChatPage): ListOf<StoredChat> {
          const { model, order } = page;
          const where = model === undefined ? OF_KIND : `${OF_KIND} AND model = ?`;
          const values = ["chat", ...(model === undefined ? [] : [model])];
          return pageOf(db, { table: "kept_completions", where, values, order }, page, chatOf);
        },

        chat: (id: string): StoredChat => chatOf(required(id, "chat")),

        /** What a chat was asked, oldest first unless `order` says otherwise. */
        messages(
          id: string,
          { after, limit, order }: Page & { readonly order: "asc" | "desc" },
        ): ListOf<StoredMessage> {
          const all = messagesOf(completionOf(required(id, "chat")));
          if (order === "desc") all.reverse();
          const last = after === undefined ? -1 : all.findIndex((message) => message.id === after);
          if (after !== undefined && last < 0) throw unknownCursor();
          return listOf(all.slice(last + 1, last + limit + 2), limit);
        },

        updateChat: (id: string, metadata: Readonly<Record<string, string>>): StoredChat =>
          chatOf(keepMetadata(db, required(id, "chat"), metadata)),

        text(id: string): StoredCompletion {
          const { reply, metadata } = completionOf(required(id, "text"));
          return { ...(reply as Omit<StoredCompletion, "metadata">), metadata: { ...metadata } };
        },

        response: (id: string): Readonly<Record<string, unknown>> => completionOf(required(id, "response")).reply,

        delete(id: string, kind: KeptKind): Deleted {
          required(id, kind);
          db.run("DELETE FROM kept_completions WHERE id = ?", id);
          return { id, object: DELETED[kind], deleted: true };
        },
      },
      duty: { run: () => dropExpired(db, now()), next: () => nextExpiry(db) },
    };
  },
});

function chatOf(row: KeptRow): StoredChat {
  const { reply, metadata } = completionOf(row);
  return { ...(reply as Omit<StoredChat, "metadata">), metadata: { ...metadata } };
}

function messagesOf({ id, prompts }: KeptCompletion): StoredMessage[] {
  const [prompt] = prompts;
  if (prompt === undefined || !("messages" in prompt)) return [];
  return prompt.messages.map((message, index) => ({ ...message, id: `${id}-${index}` }));
}
