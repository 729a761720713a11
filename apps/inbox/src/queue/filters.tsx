/** Which reviews the list shows: whose, of which collection, with which words; and how it groups them. */
import { CalendarClock, Layers, ListFilter, Search } from "lucide-react";
import type { ReactNode } from "react";
import { useInbox } from "../inbox-state.ts";
import { useParts } from "../session/inbox-context.tsx";
import { Menu, MenuItem } from "../shell/menu.tsx";
import { readable } from "../value/names.ts";
import { type Assigned, collectionCounts, matches } from "./queue-model.ts";

const ASSIGNED: ReadonlyArray<readonly [value: Assigned, name: string]> = [
  ["all", "All"],
  ["mine", "Mine"],
  ["nobody", "Unassigned"],
];

export function Filters(): ReactNode {
  return (
    <div className="filters">
      <SearchField />
      <div className="filters-row">
        <AssignedFilter />
        <span className="filters-menus">
          <CollectionFilter />
          <GroupingChoice />
        </span>
      </div>
    </div>
  );
}

function SearchField(): ReactNode {
  const { filter, setFilter } = useInbox();
  return (
    <label className="search">
      <Search size={15} aria-hidden="true" />
      <input
        type="search"
        aria-label="Search reviews"
        placeholder="Search"
        data-part="search"
        value={filter.words}
        onChange={(event) => setFilter({ ...filter, words: event.target.value })}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          setFilter({ ...filter, words: "" });
          event.currentTarget.blur();
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  );
}

function AssignedFilter(): ReactNode {
  const { filter, setFilter, queue } = useInbox();
  const { session } = useParts();
  const count = (assigned: Assigned): number =>
    queue.open.filter((review) => matches(review, { ...filter, assigned }, session.user, session.schema)).length;
  return (
    <div className="segments" role="radiogroup" aria-label="Assigned to">
      {ASSIGNED.map(([value, name]) => (
        <label key={value} className="segment">
          <input
            type="radio"
            name="assigned"
            checked={filter.assigned === value}
            onChange={() => setFilter({ ...filter, assigned: value })}
          />
          {name}
          <span className="count">{count(value)}</span>
        </label>
      ))}
    </div>
  );
}

function CollectionFilter(): ReactNode {
  const { filter, setFilter, queue } = useInbox();
  const counts = collectionCounts(queue.open);
  const { collection } = filter;
  const button = (
    <>
      <ListFilter size={15} />
      {collection === null ? null : <span>{readable(collection)}</span>}
    </>
  );
  return (
    <Menu
      label={`Collection: ${collection === null ? "all" : readable(collection)}`}
      className="icon-button is-wide"
      button={button}
    >
      {() => (
        <>
          <MenuItem isChosen={collection === null} onChoose={() => setFilter({ ...filter, collection: null })}>
            All collections <span className="count">{queue.open.length}</span>
          </MenuItem>
          <hr />
          {counts.map(([name, count]) => (
            <MenuItem
              key={name}
              isChosen={collection === name}
              onChoose={() => setFilter({ ...filter, collection: name })}
            >
              {readable(name)} <span className="count">{count}</span>
            </MenuItem>
          ))}
        </>
      )}
    </Menu>
  );
}

function GroupingChoice(): ReactNode {
  const { grouping, setGrouping } = useInbox();
  const Icon = grouping === "due" ? CalendarClock : Layers;
  return (
    <Menu
      label={grouping === "due" ? "Grouped by time" : "Grouped by collection"}
      className="icon-button"
      button={<Icon size={16} />}
    >
      {() => (
        <>
          <MenuItem isChosen={grouping === "due"} onChoose={() => setGrouping("due")}>
            <CalendarClock size={15} /> Group by time
          </MenuItem>
          <MenuItem isChosen={grouping === "collection"} onChoose={() => setGrouping("collection")}>
            <Layers size={15} /> Group by collection
          </MenuItem>
        </>
      )}
    </Menu>
  );
}
