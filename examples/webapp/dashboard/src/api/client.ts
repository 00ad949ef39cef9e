import { QueryClient } from '@tanstack/react-query';
import { ApiError } from './error';

/** The cache of all that was fetched; what the server refuses is not asked for again. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: (count, error) => count < 2 && !isRefused(error),
        refetchOnWindowFocus: false,
        // Whether the server can be reached is seen by asking, not by the network's own word.
        networkMode: 'always',
      },
      mutations: { networkMode: 'always' },
    },
  });
}

function isRefused(error: Error): boolean {
  return error instanceof ApiError && error.status >= 400 && error.status < 500;
}
