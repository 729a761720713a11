/** Narrowing the board down: by text, by label, by assignee. */
import { Search, X } from "lucide-react";
import { type ReactNode, useMemo } from "react";
import { type Filter, inUse, isFiltering, NO_FILTER } from "../board/board-model.ts";
import { Avatar } from "../presence/avatar.tsx";
import { hueOf } from "../presence/hue.ts";
import type { Task } from "../schema.ts";

interface FilterBarProps {
  readonly tasks: readonly Task[];
  readonly filter: Filter;
  readonly onFilter: (filter: Filter) => void;
}

const MAX_LABELS = 12;

export function FilterBar({ tasks, filter, onFilter }: FilterBarProps): ReactNode {
  const labels = useMemo(() => inUse(tasks.flatMap((task) => task.labels)).slice(0, MAX_LABELS), [tasks]);
  const assignees = useMemo(
    () => inUse(tasks.flatMap(({ assignee }) => (assignee === null ? [] : [assignee]))),
    [tasks],
  );
  return (
    <div className="filter-bar" role="search" aria-label="Filter cards">
      <label className="search">
        <Search size={15} aria-hidden="true" />
        <span className="visually-hidden">Search cards</span>
        <input
          type="search"
          placeholder="Search cards"
          value={filter.text}
          data-search
          onChange={(event) => onFilter({ ...filter, text: event.target.value })}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            onFilter({ ...filter, text: "" });
            event.currentTarget.blur();
          }}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
      <div className="filter-people" role="group" aria-label="Assignees">
        {assignees.map((name) => (
          <button
            key={name}
            type="button"
            className="filter-person"
            aria-pressed={filter.assignees.includes(name)}
            title={`Cards of ${name}`}
            onClick={() => onFilter({ ...filter, assignees: toggled(filter.assignees, name) })}
          >
            <Avatar name={name} />
          </button>
        ))}
      </div>
      <div className="filter-labels" role="group" aria-label="Labels">
        {labels.map((label) => (
          <button
            key={label}
            type="button"
            className="label is-filter"
            data-hue={hueOf(label)}
            aria-pressed={filter.labels.includes(label)}
            onClick={() => onFilter({ ...filter, labels: toggled(filter.labels, label) })}
          >
            {label}
          </button>
        ))}
      </div>
      {isFiltering(filter) ? (
        <button type="button" className="link-button" onClick={() => onFilter(NO_FILTER)}>
          <X size={13} /> Clear
        </button>
      ) : null}
    </div>
  );
}

function toggled(words: readonly string[], word: string): readonly string[] {
  return words.includes(word) ? words.filter((other) => other !== word) : [...words, word];
}
