import type { KeptCompletion, KeptKind, StoredChat, StoredMessage } from "../../../shared/api/kept-completions.ts";
import { type Deleted, type ListOf, listOf, type Page } from "../../../shared/api/lists.ts";
import { pageOf } from "../page.ts";
import { tenantModule } from "./context.ts";
import {
  completionOf,
  dropExpired,
  KEPT_TABLES,
  type KeptRow,
  keep,
  nextExpiry,
  requireKept,
} from "./kept-completion-rows.ts";

export type StoredChatPage = Page & { readonly order: "asc" | "desc"; readonly model?: string | undefined };

/** Of the kind that the caller's API lists; another kind's id names nothing there. */
const OF_KIND = "kind = ?";

/** Completions whose requests asked for them to be kept. */
export const keptCompletions = tenantModule({
  schema: KEPT_TABLES,

  open: ({ db, now, rearm, requireCreated }) => {
    const required = (id: string, kind: KeptKind): KeptRow => {
      const row = requireKept(db, id, "completion_id");
      // Throws what it throws for an id that there is not.
      return row.kind === kind ? row : requireKept(db, `${id} of kind ${kind}`, "completion_id");
    };

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
          const rows = pageOf<KeptRow>(db, { table: "kept_completions", where, values, order }, page);
          return listOf(rows.map(chatOf), page.limit);
        },

        chat: (id: string): StoredChat => chatOf(required(id, "chat")),

        /** What a chat was asked, oldest first unless `order` says otherwise. */
        messages(
          id: string,
          { after, limit, order }: Page & { readonly order: "asc" | "desc" },
        ): ListOf<StoredMessage> {
          const all = messagesOf(completionOf(required(id, "chat")));
          if (order === "desc") all.reverse();
          const start = after === undefined ? 0 : all.findIndex((message) => message.id === after) + 1;
          return listOf(all.slice(start, start + limit + 1), limit);
        },

        updateChat(id: string, metadata: Readonly<Record<string, string>>): StoredChat {
          const kept = { ...completionOf(required(id, "chat")), metadata };
          db.run("UPDATE kept_completions SET record = ? WHERE id = ?", JSON.stringify(kept), id);
          return chatOf(required(id, "chat"));
        },

        response: (id: string): Readonly<Record<string, unknown>> => completionOf(required(id, "response")).reply,

        delete(id: string, kind: KeptKind): Deleted {
          required(id, kind);
          db.run("DELETE FROM kept_completions WHERE id = ?", id);
          return { id, object: kind === "chat" ? "chat.completion.deleted" : "response", deleted: true };
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
