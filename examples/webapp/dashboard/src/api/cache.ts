/**
 * How what is told and what is fetched become one list. Pure; a slow answer must never undo a
 * change that was told of meanwhile.
 */
import type { Store, StoreEvent } from './model';

/** The list with a store that was created or has changed; an older state changes nothing. */
export function withStore(stores: readonly Store[], store: Store): readonly Store[] {
  const index = stores.findIndex((each) => each.id === store.id);
  const present = stores[index];
  if (!present) return [store, ...stores];
  if (newer(present, store)) return stores;
  return stores.with(index, store);
}

/** The list without a store. */
export function withoutStore(stores: readonly Store[], id: string): readonly Store[] {
  return stores.filter((each) => each.id !== id);
}

/**
 * The fetched list, with what is known to be later.
 *
 * @param fetched What the server answered.
 * @param before What was known when it was asked.
 * @param present What is known now.
 */
export function reconcile(
  fetched: readonly Store[],
  before: readonly Store[],
  present: readonly Store[],
): readonly Store[] {
  const known = new Map(present.map((each) => [each.id, each]));
  const asked = new Set(before.map((each) => each.id));
  const answered = new Set(fetched.map((each) => each.id));
  // Gone while the answer was under way, although it was there before.
  const kept = fetched.filter((each) => known.has(each.id) || !asked.has(each.id));
  const merged = kept.map((each) => {
    const other = known.get(each.id);
    return other && newer(other, each) ? other : each;
  });
  // Created while the answer was under way.
  const created = present.filter((each) => !asked.has(each.id) && !answered.has(each.id));
  return [...created, ...merged];
}

/** A history with one more event; ids grow, and what is told twice is kept once. */
export function withEvent(events: readonly StoreEvent[], event: StoreEvent): readonly StoreEvent[] {
  if (events.some((each) => each.id === event.id)) return events;
  return [...events, event].sort((one, other) => one.id - other.id);
}

function newer(one: Store, other: Store): boolean {
  const difference = Date.parse(one.updated_at) - Date.parse(other.updated_at);
  if (difference !== 0) return difference > 0;
  // Within one millisecond the text decides, which has microseconds.
  return one.updated_at > other.updated_at;
}
