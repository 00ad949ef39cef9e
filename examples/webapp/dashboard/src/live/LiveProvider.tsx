import { VisuallyHidden } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import type { Change } from '../api/model';
import { applyChange, keys } from '../api/queries';
import { authHeaders, setToken, useToken } from '../api/token';
import { ConnectionContext, type ConnectionState } from './context';
import { ChangeStream } from './stream';

/** Keeps what is shown in step with the server for as long as it is mounted. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const token = useToken();
  const [state, setState] = useState<ConnectionState>(() => ({
    connection: 'connecting',
    since: Date.now(),
  }));
  const [news, setNews] = useState('');

  useEffect(() => {
    const stream = new ChangeStream({
      url: `${window.location.origin}/api/events/stream`,
      headers: authHeaders,
      onConnection: (connection) => {
        setState((before) =>
          before.connection === connection ? before : { connection, since: Date.now() },
        );
      },
      onOpen: () => {
        // Whatever happened before the stream was open is fetched once.
        void client.invalidateQueries({ queryKey: keys.stores });
      },
      onRefused: () => {
        setToken(null);
      },
      onMessage: ({ event, data }) => {
        if (event === 'change') {
          const told = applyChange(client, JSON.parse(data) as Change);
          if (told !== null) setNews(told);
        } else if (event === 'reset') {
          void client.invalidateQueries();
        }
      },
    });
    return () => {
      stream.close();
    };
  }, [client, token]);

  return (
    <ConnectionContext value={state}>
      {children}
      <VisuallyHidden role="status" aria-live="polite">
        {news}
      </VisuallyHidden>
    </ConnectionContext>
  );
}
