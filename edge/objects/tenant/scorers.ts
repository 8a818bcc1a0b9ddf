import type { Deleted, ListOf, Page } from "../../../shared/api/lists.ts";
import { parseScorerAllow, requireScorerUrl } from "../../../shared/api/scorer-url.ts";
import type { ChangeScorer, CreateScorer, Scorer } from "../../../shared/api/steering-scorers.ts";
import type { ScorerTarget } from "../../scoring/target.ts";
import { type Idempotency, settleCreation } from "../idempotency.ts";
import { pageOf } from "../page.ts";
import { tenantModule } from "./context.ts";
import {
  addScorer,
  changeScorer,
  dropScorer,
  requireScorer,
  SCORER_TABLE,
  scorerTarget,
  shownScorer,
} from "./scorer-rows.ts";

/** The addresses that the tenant allows to judge its candidates. */
export const scorers = tenantModule({
  schema: [SCORER_TABLE],

  open: (context) => {
    const { db, now, tenant, requireCreated } = context;
    const allowed = (url: string): string => requireScorerUrl(url, parseScorerAllow(context.env.SCORER_ALLOW)).href;

    return {
      calls: {
        create(request: CreateScorer, key: Idempotency | null): Scorer {
          requireCreated();
          const url = allowed(request.url);
          return db.transaction(() => {
            const scorer = shownScorer(addScorer(db, { ...request, url }, now()));
            settleCreation(db, key, scorer);
            return scorer;
          });
        },

        list(page: Page): ListOf<Scorer> {
          return pageOf(db, { table: "scorers" }, page, shownScorer);
        },

        get: (id: string): Scorer => shownScorer(requireScorer(db, id)),

        change(id: string, change: ChangeScorer): Scorer {
          const url = change.url === undefined ? {} : { url: allowed(change.url) };
          return db.transaction(() => shownScorer(changeScorer(db, id, { ...change, ...url }, now())));
        },

        delete(id: string): Deleted {
          db.transaction(() => dropScorer(db, id));
          return { id, object: "steering.scorer", deleted: true };
        },

        /** What a call needs, the secret included: for the server itself, never for a reply. */
        target: (id: string): ScorerTarget => scorerTarget(db, { tenant: tenant().id, name: id }, "steering"),
      },
    };
  },
});
