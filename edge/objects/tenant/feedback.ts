import type { CreateFeedback, Feedback, FeedbackFilter } from "../../../shared/api/feedback.ts";
import type { Deleted, ListOf, Page } from "../../../shared/api/lists.ts";
import { TrimtabError } from "../../../shared/errors.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { pageOf } from "../page.ts";
import { tenantModule } from "./context.ts";
import {
  addFeedback,
  conditionOf,
  dropFeedback,
  FEEDBACK_TABLES,
  feedbackOf,
  requireFeedback,
  scalesOf,
  stretchOf,
} from "./feedback-rows.ts";

/** Verdicts in the order of their creation; `next` is where to go on, null at the end. */
export interface FeedbackStretch {
  readonly feedback: readonly Feedback[];
  readonly next: number | null;
}

/** What people said of completions that were kept. */
export const feedback = tenantModule({
  schema: FEEDBACK_TABLES,

  open: ({ db, now, newId, requireCreated }) => ({
    calls: {
      create(request: CreateFeedback, key: Idempotency | null): Feedback {
        requireCreated();
        return db.transaction(() => {
          const given = addFeedback(db, newId("feedback"), request, now());
          settleCreation(db, key, given);
          return given;
        });
      },

      /** Newest first. */
      list({ after, limit, ...filter }: Page & FeedbackFilter): ListOf<Feedback> {
        return pageOf(db, { table: "feedback", ...conditionOf(filter) }, { after, limit }, feedbackOf);
      },

      get: (id: string): Feedback => feedbackOf(requireFeedback(db, id)),

      delete(id: string): Deleted {
        db.transaction(() => dropFeedback(db, id));
        return { id, object: "feedback", deleted: true };
      },

      /** Some verdicts that count, after a place in their order. */
      stretch(filter: FeedbackFilter, after: number): FeedbackStretch {
        const rows = stretchOf(db, conditionOf(filter), after);
        return { feedback: rows.map(feedbackOf), next: rows.at(-1)?.n ?? null };
      },

      /** @throws TrimtabError invalid_request where ratings are on several scales: their numbers then mean different things. */
      requireOneScale(filter: FeedbackFilter): void {
        const scales = scalesOf(db, conditionOf(filter));
        if (scales.length < 2) return;
        const message = `The ratings are on different scales: ${scales.join(", ")}. Export those on one of them with \`filters.scale\`.`;
        throw new TrimtabError("invalid_request", message, { param: "filters.scale" });
      },
    },
  }),
});
