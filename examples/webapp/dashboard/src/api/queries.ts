/** The API as queries and mutations; every component reads and changes data through these. */
import { type QueryClient, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useConnection } from '../live/context';
import { numbered } from '../logs';
import { reconcile, withEvent, withoutStore, withStore } from './cache';
import * as calls from './calls';
import { ApiError } from './error';
import type { Change, Store, StoreEvent, StoreType } from './model';
import { useToken } from './token';

/** Milliseconds between two looks while the stream of changes is not open. */
const FALLBACK_MS = 5000;

export const keys = {
  session: (token: string | null) => ['session', token] as const,
  stores: ['stores'] as const,
  types: ['types'] as const,
  history: (id: string) => ['history', id] as const,
  logs: (id: string) => ['logs', id] as const,
};

export function useSession() {
  const token = useToken();
  return useQuery({ queryKey: keys.session(token), queryFn: calls.session, staleTime: Infinity });
}

export function useStores() {
  const client = useQueryClient();
  const live = useConnection().connection === 'live';
  return useQuery({
    queryKey: keys.stores,
    queryFn: async ({ signal }) => {
      const before = storesIn(client) ?? [];
      const fetched = await calls.stores(signal);
      return reconcile(fetched, before, storesIn(client) ?? []);
    },
    staleTime: live ? Infinity : 0,
    refetchInterval: live ? false : FALLBACK_MS,
  });
}

export function useTypes() {
  return useQuery({
    queryKey: keys.types,
    queryFn: calls.types,
    staleTime: 5 * 60_000,
    select: byName,
  });
}

function byName(types: readonly StoreType[]): ReadonlyMap<string, StoreType> {
  return new Map(types.map((type) => [type.name, type]));
}

/** A store's history, oldest first; what is known already is not fetched again. */
export function useHistory(id: string) {
  const client = useQueryClient();
  const live = useConnection().connection === 'live';
  return useQuery({
    queryKey: keys.history(id),
    queryFn: async ({ signal }) => {
      const read = () => client.getQueryData<readonly StoreEvent[]>(keys.history(id)) ?? [];
      const found = await calls.history(id, read().at(-1)?.id ?? 0, signal);
      return found.reduce(withEvent, read());
    },
    refetchInterval: live ? false : FALLBACK_MS,
  });
}

export function useCreateStore() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: calls.create,
    onSuccess: (store) => {
      applyStore(client, store);
    },
  });
}

export function useUpdateStore() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: calls.update,
    onSuccess: (store) => {
      applyStore(client, store);
    },
  });
}

export function useRetryStore() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (store: Store) => calls.retry(store.id),
    onSuccess: (store) => {
      applyStore(client, store);
    },
  });
}

export function useDeleteStore() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (store: Store) => calls.remove(store.id),
    // The stream tells of it as well; without the stream the list is asked for anew.
    onSuccess: () => client.invalidateQueries({ queryKey: keys.stores }),
    onError: (error, store) => {
      if (error instanceof ApiError && error.status === 404) applyGone(client, store.id);
    },
  });
}

/** Credentials are shown once asked for, and kept nowhere. */
export function useCredentials() {
  return useMutation({ mutationFn: calls.credentials, gcTime: 0 });
}

/** The last lines of a store's containers; they are asked for anew each time, and kept nowhere. */
export function useLastLogs(id: string, enabled: boolean) {
  return useQuery({
    queryKey: keys.logs(id),
    queryFn: async ({ signal }) => numbered(await calls.logs(id, signal)),
    enabled,
    gcTime: 0,
    staleTime: 0,
  });
}

/** Forget everything that the last visitor was shown. */
export function useForgetting(): void {
  const client = useQueryClient();
  useEffect(() => {
    client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
  }, [client]);
}

function storesIn(client: QueryClient): readonly Store[] | undefined {
  return client.getQueryData<readonly Store[]>(keys.stores);
}

/** Take over a store as it was answered. */
function applyStore(client: QueryClient, store: Store): void {
  client.setQueryData<readonly Store[]>(
    keys.stores,
    (stores) => stores && withStore(stores, store),
  );
}

/** Take over that a store is gone. */
function applyGone(client: QueryClient, id: string): void {
  client.setQueryData<readonly Store[]>(
    keys.stores,
    (stores) => stores && withoutStore(stores, id),
  );
}

/**
 * Take over what the stream tells.
 *
 * @returns A sentence for those who do not see the page, if a status has changed.
 */
export function applyChange(client: QueryClient, { event, store }: Change): string | null {
  const id = store?.id ?? event?.store_id;
  if (id === undefined) return null;
  const before = storesIn(client)?.find((each) => each.id === id);
  if (store) applyStore(client, store);
  else applyGone(client, id);
  if (!storesIn(client) || (!store && client.isFetching({ queryKey: keys.stores }) > 0)) {
    // An answer that is under way may be from before the change; it is asked for anew.
    void client.invalidateQueries({ queryKey: keys.stores });
  }
  if (event) {
    const queryKey = keys.history(id);
    const known = client.getQueryData<readonly StoreEvent[]>(queryKey);
    if (known) client.setQueryData(queryKey, withEvent(known, event));
    // An answer that is under way may be from before the event.
    else void client.invalidateQueries({ queryKey });
  }
  if (!store) return before ? `${before.name} is gone.` : null;
  return before?.status === store.status ? null : `${store.name} is ${store.status}.`;
}
