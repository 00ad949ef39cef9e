import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import * as calls from '../api/calls';
import type { Problem } from '../api/model';

/** Milliseconds of rest after which the server is asked. */
const REST_MS = 200;

/** What the server says of a draft, asked as one types; nothing is written there. */
export function useChecked(draft: calls.Draft, enabled: boolean): readonly Problem[] {
  const [rested] = useDebouncedValue(draft, REST_MS);
  const { data } = useQuery({
    queryKey: ['check', rested],
    queryFn: ({ signal }) => calls.check(rested, signal),
    enabled: enabled && rested.type !== '',
    placeholderData: keepPreviousData,
    // The check is a help: without it the answer to the declaration itself decides.
    retry: false,
    // A name that was free a moment ago may be taken now: what is remembered is only shown meanwhile.
    staleTime: 0,
    gcTime: 30_000,
  });
  return rested.type === draft.type ? (data ?? []) : [];
}
