/** Who looks after a review, until when, and what happens then. Each can be changed on the spot. */
import type { Review } from "@tidelock/core";
import { CalendarClock, Hourglass, UserPlus } from "lucide-react";
import type { ReactNode } from "react";
import { useActions } from "../actions.ts";
import { useInbox } from "../inbox-state.ts";
import { Avatar } from "../people/avatar.tsx";
import { urgencyOf } from "../queue/queue-model.ts";
import { useFieldOf, useNames } from "../session/inbox-context.tsx";
import { useNow } from "../shell/clock.ts";
import { Menu, MenuItem } from "../shell/menu.tsx";
import { briefChange, briefValue } from "../value/brief.ts";
import { inputMoment, parseInputMoment, relativeTime, shortMomentText } from "../value/times.ts";
import { expiryCandidate } from "./contenders.ts";

export function Terms({ review }: { readonly review: Review }): ReactNode {
  const now = useNow(15_000);
  return (
    <div className="terms">
      <Assignee review={review} />
      <Due review={review} now={now} />
      {review.due === null ? null : <Expiry review={review} />}
      <span className="terms-opened">opened {relativeTime(review.openedAt, now)}</span>
    </div>
  );
}

function Assignee({ review }: { readonly review: Review }): ReactNode {
  const { queue } = useInbox();
  const actions = useActions();
  const { who, me } = useNames();
  const { assignee } = review;
  const assign = (user: string | null): void => actions.annotate(review, { assignee: user });
  // Those who wrote the values, and those who look after other reviews.
  const known = [...review.candidates.map(({ user }) => user), ...queue.open.map((other) => other.assignee)];
  const others = [...new Set(known)].filter((user): user is string => user !== null && user !== me).slice(0, 8);
  const button =
    assignee === null ? (
      <>
        <UserPlus size={15} aria-hidden="true" /> Assign
      </>
    ) : (
      <>
        <Avatar user={assignee} size="small" isDecorative /> <bdi>{who(assignee)}</bdi>
      </>
    );
  return (
    <Menu label={`Assigned to ${assignee === null ? "nobody" : who(assignee)}`} className="term" button={button}>
      {() => (
        <>
          {[me, ...others].map((user) => (
            <MenuItem
              key={user}
              isChosen={assignee === user}
              onChoose={() => assign(user)}
              {...(user === me ? { keys: "A" } : {})}
            >
              <Avatar user={user} size="small" isDecorative /> <bdi>{who(user)}</bdi>
            </MenuItem>
          ))}
          <hr />
          <MenuItem isChosen={assignee === null} onChoose={() => assign(null)}>
            Nobody
          </MenuItem>
        </>
      )}
    </Menu>
  );
}

const MINUTE_MS = 60 * 1000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

function Due({ review, now }: { readonly review: Review; readonly now: number }): ReactNode {
  const actions = useActions();
  const { due } = review;
  const set = (millis: number | null): void => actions.annotate(review, { due: millis });
  const words = due === null ? "No time limit" : `Due ${shortMomentText(due, now)}`;
  return (
    <Menu
      label={words}
      className="term"
      button={
        <span className="term-due" data-urgency={urgencyOf(review, now)}>
          <CalendarClock size={15} aria-hidden="true" /> {words}
        </span>
      }
    >
      {() => (
        <>
          <MenuItem onChoose={() => set(now + HOUR_MS)}>In an hour</MenuItem>
          {endOfDay(now) > now ? <MenuItem onChoose={() => set(endOfDay(now))}>Today, 18:00</MenuItem> : null}
          <MenuItem onChoose={() => set(endOfDay(now + DAY_MS))}>Tomorrow, 18:00</MenuItem>
          <MenuItem onChoose={() => set(endOfDay(now + 7 * DAY_MS))}>In a week</MenuItem>
          <label className="menu-field" onClick={(event) => event.stopPropagation()}>
            <span>At</span>
            <input
              type="datetime-local"
              aria-label="Due at"
              defaultValue={due === null ? "" : inputMoment(due - (due % MINUTE_MS))}
              onBlur={(event) => {
                const millis = parseInputMoment(event.target.value);
                if (millis !== null && millis !== (due ?? 0) - ((due ?? 0) % MINUTE_MS)) set(millis);
              }}
            />
          </label>
          <hr />
          <MenuItem onChoose={() => set(null)}>No time limit</MenuItem>
        </>
      )}
    </Menu>
  );
}

/** The end of a working day, in this device's time zone. */
function endOfDay(millis: number): number {
  return new Date(millis).setHours(18, 0, 0, 0);
}

function Expiry({ review }: { readonly review: Review }): ReactNode {
  const actions = useActions();
  const field = useFieldOf()(review);
  const { onExpiry } = review;
  const words = (kind: Review["onExpiry"]): string => {
    const value = expiryCandidate({ ...review, onExpiry: kind })?.value ?? null;
    return review.field === null ? briefChange(value) : briefValue(field, value, 28);
  };
  const name = { keep: "keep what stands", latest: "take the latest" };
  return (
    <Menu
      label={`When the time is up: ${name[onExpiry]}`}
      className="term"
      button={
        <>
          <Hourglass size={15} aria-hidden="true" /> Then {name[onExpiry]}
        </>
      }
    >
      {() => (
        <>
          <p className="menu-heading">When the time is up</p>
          {(["keep", "latest"] as const).map((kind) => (
            <MenuItem
              key={kind}
              isChosen={onExpiry === kind}
              onChoose={() => actions.annotate(review, { onExpiry: kind })}
            >
              <span className="menu-two">
                {kind === "keep" ? "Keep what stands" : "Take the latest"}
                <small>
                  <bdi>{words(kind)}</bdi>
                </small>
              </span>
            </MenuItem>
          ))}
        </>
      )}
    </Menu>
  );
}
