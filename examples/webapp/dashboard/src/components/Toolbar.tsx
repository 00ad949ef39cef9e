import { Chip, CloseButton, Kbd, Select, TextInput } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { IconArrowsSort, IconFilter, IconSearch } from '@tabler/icons-react';
import { useRef } from 'react';
import type { Status, StoreType } from '../api/model';
import { type Selection, SORTS, STATUSES } from '../pages/select';
import classes from './Toolbar.module.css';

export interface ToolbarProps {
  selection: Selection;
  onChange: (changed: Partial<Selection>) => void;
  counts: ReadonlyMap<Status, number>;
  matching: number;
  types: ReadonlyMap<string, StoreType>;
}

/** Search, filters and order; all of it is in the page's address as well. */
export function Toolbar({ selection, onChange, counts, matching, types }: ToolbarProps) {
  const search = useRef<HTMLInputElement>(null);
  useHotkeys([['/', () => search.current?.focus()]]);
  const options = [...types.values()].map((type) => ({ value: type.name, label: type.title }));
  return (
    <>
      <search className={classes.bar}>
        <TextInput
          ref={search}
          className={classes.search ?? ''}
          aria-label="Search stores"
          placeholder="Search by name or namespace"
          leftSection={<IconSearch size={16} aria-hidden />}
          rightSection={
            selection.search === '' ? (
              <Kbd size="xs" aria-hidden>
                /
              </Kbd>
            ) : (
              <CloseButton
                size="sm"
                aria-label="Clear the search"
                onClick={() => {
                  onChange({ search: '' });
                }}
              />
            )
          }
          value={selection.search}
          onChange={(event) => {
            onChange({ search: event.currentTarget.value });
          }}
        />
        <Select
          className={classes.select ?? ''}
          aria-label="Type"
          placeholder="All types"
          leftSection={<IconFilter size={16} aria-hidden />}
          data={options}
          value={selection.type}
          onChange={(type) => {
            onChange({ type });
          }}
          clearable
        />
        <Select
          className={classes.select ?? ''}
          aria-label="Order"
          leftSection={<IconArrowsSort size={16} aria-hidden />}
          data={Object.entries(SORTS).map(([value, label]) => ({ value, label }))}
          value={selection.sort}
          onChange={(sort) => {
            if (sort !== null) onChange({ sort: sort as Selection['sort'] });
          }}
          allowDeselect={false}
        />
      </search>
      <Chip.Group
        value={selection.status ?? ''}
        onChange={(status) => {
          onChange({ status: STATUSES.find((each) => each === status) ?? null });
        }}
      >
        <div className={classes.statuses} role="radiogroup" aria-label="Status">
          <StatusChip value="" label="All" count={matching} />
          {STATUSES.map((status) => {
            const count = counts.get(status) ?? 0;
            if (count === 0 && status !== selection.status) return null;
            return (
              <StatusChip
                key={status}
                value={status}
                label={status.charAt(0).toUpperCase() + status.slice(1)}
                count={count}
              />
            );
          })}
        </div>
      </Chip.Group>
    </>
  );
}

function StatusChip({ value, label, count }: { value: string; label: string; count: number }) {
  return (
    <Chip value={value} size="xs" variant="light">
      {label} <span className={classes.count}>{count}</span>
    </Chip>
  );
}
