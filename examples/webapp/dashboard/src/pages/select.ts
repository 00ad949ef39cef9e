/** Which stores are shown, and in which order; pure. */
import type { Status, Store } from '../api/model';

export const STATUSES: readonly Status[] = [
  'provisioning',
  'ready',
  'updating',
  'degraded',
  'failed',
  'deleting',
];

export const SORTS = {
  newest: 'Newest first',
  oldest: 'Oldest first',
  name: 'By name',
  status: 'By status',
} as const;

export type Sort = keyof typeof SORTS;

export interface Selection {
  search: string;
  status: Status | null;
  type: string | null;
  sort: Sort;
}

/** What needs a person comes first. */
const URGENCY: Record<Status, number> = {
  failed: 0,
  degraded: 1,
  provisioning: 2,
  updating: 3,
  deleting: 4,
  ready: 5,
};

const ORDERS: Record<Sort, (one: Store, other: Store) => number> = {
  newest: (one, other) => Date.parse(other.created_at) - Date.parse(one.created_at),
  oldest: (one, other) => Date.parse(one.created_at) - Date.parse(other.created_at),
  name: (one, other) => one.name.localeCompare(other.name),
  status: (one, other) => URGENCY[one.status] - URGENCY[other.status],
};

/** Read what is asked for from the page's address; what cannot be is left out. */
export function selectionOf(params: URLSearchParams): Selection {
  const status = params.get('status');
  const sort = params.get('sort');
  return {
    search: params.get('search') ?? '',
    status: STATUSES.find((each) => each === status) ?? null,
    type: params.get('type'),
    sort: sort !== null && Object.hasOwn(SORTS, sort) ? (sort as Sort) : 'newest',
  };
}

/** The stores that fit, whatever their status, and how many of each status there are. */
export function select(
  stores: readonly Store[],
  { search, status, type, sort }: Selection,
): { shown: Store[]; counts: ReadonlyMap<Status, number>; matching: number } {
  const wanted = search.trim().toLowerCase();
  const matching = stores.filter(
    (each) =>
      (type === null || each.type === type) &&
      [each.name, each.namespace, each.host].some((text) => text.includes(wanted)),
  );
  const counts = new Map<Status, number>();
  for (const each of matching) counts.set(each.status, (counts.get(each.status) ?? 0) + 1);
  const shown = matching.filter((each) => status === null || each.status === status);
  shown.sort((one, other) => ORDERS[sort](one, other) || one.name.localeCompare(other.name));
  return { shown, counts, matching: matching.length };
}
