/** The open reviews in their groups; or why there are none. */
import type { ReactNode } from "react";
import { useInbox } from "../inbox-state.ts";
import { useOwnDecisions } from "../session/inbox-context.tsx";
import { CalmSea, CloudedMoon } from "../shell/calm.tsx";
import { useNow } from "../shell/clock.ts";
import { refusalText } from "../decisions/refusals.ts";
import { EVERYTHING } from "./queue-model.ts";
import { Row } from "./row.tsx";

export function OpenList(): ReactNode {
  const { queue, groups, order, route, marking, grouping, filter } = useInbox();
  const now = useNow(15_000);
  if (queue.error !== null && queue.open.length === 0) return <Failed text={refusalText(queue.error)} />;
  if (queue.isLoading) return <Loading />;
  if (queue.open.length === 0) return queue.isComplete ? <AllClear /> : <Unknown />;
  if (order.length === 0) return <NothingFound />;
  const hasCurrent = route.review !== null && order.includes(route.review);
  const hasCollection = grouping !== "collection" && filter.collection === null;
  return groups.map(({ key, name, reviews }) => (
    <section key={key} className="group" data-group={key} aria-label={name}>
      <h2 className="group-name">
        {name} <span className="count">{reviews.length}</span>
      </h2>
      <ul>
        {reviews.map((review) => (
          <Row
            key={review.id}
            review={review}
            now={now}
            isCurrent={route.review === review.id}
            isTabStop={hasCurrent ? route.review === review.id : order[0] === review.id}
            isMarked={marking.ids.has(review.id)}
            hasCollection={hasCollection}
          />
        ))}
      </ul>
    </section>
  ));
}

function Loading(): ReactNode {
  return (
    <div className="skeleton" aria-label="Loading" role="status">
      {[0, 1, 2, 3].map((index) => (
        <span key={index} />
      ))}
    </div>
  );
}

function AllClear(): ReactNode {
  const decided = useOwnDecisions().filter(({ state }) => state !== "refused").length;
  return (
    <div className="blank is-alone">
      <CalmSea />
      <p className="blank-title">All clear</p>
      <p>
        Nothing waits for a decision.
        {decided === 0 ? "" : ` You decided ${decided === 1 ? "one" : decided} here.`}
      </p>
    </div>
  );
}

function Unknown(): ReactNode {
  return (
    <div className="blank">
      <CloudedMoon />
      <p className="blank-title">Not known yet</p>
      <p>The server has not been reached. What waits for a decision is shown as soon as it answers.</p>
    </div>
  );
}

function Failed({ text }: { readonly text: string }): ReactNode {
  return (
    <div className="blank" role="alert">
      <CloudedMoon />
      <p className="blank-title">The reviews cannot be read</p>
      <p>{text}</p>
    </div>
  );
}

function NothingFound(): ReactNode {
  const { setFilter } = useInbox();
  return (
    <div className="blank is-small">
      <p className="blank-title">Nothing fits</p>
      <p>There are open reviews, but none like this.</p>
      <button type="button" className="link-button" onClick={() => setFilter(EVERYTHING)}>
        Show all
      </button>
    </div>
  );
}
