import { notifications } from '@mantine/notifications';
import { useCallback } from 'react';
import { useRetryStore, useSession } from '../api/queries';
import type { Store } from '../api/model';

/** What can be done with a store beside deleting it, and whether the role allows it. */
export function useStoreActions() {
  const { data: session } = useSession();
  const { mutate } = useRetryStore();
  const onRetry = useCallback(
    (store: Store) => {
      mutate(store, {
        onSuccess: () => {
          notifications.show({ message: `Another attempt is made at ${store.name}.` });
        },
        onError: (error) => {
          notifications.show({ color: 'red', title: 'Not retried', message: error.message });
        },
      });
    },
    [mutate],
  );
  return { onRetry, writable: session !== undefined && session.role !== 'viewer' };
}
