import { useEffect, useReducer, useState } from 'react';
import { logStream, refused } from '../api/calls';
import { ApiError } from '../api/error';
import type { LogLine, Store } from '../api/model';
import { authHeaders, setToken } from '../api/token';
import { appended, type NumberedLine } from '../logs';
import { ChangeStream } from './stream';

export interface FollowedLogs {
  lines: readonly NumberedLine[];
  /** `ended` when no container writes any more, or none did yet. */
  phase: 'opening' | 'open' | 'ended' | 'failed';
  error: Error | null;
}

interface State extends FollowedLogs {
  /** What comes next takes the place of what is there. */
  anew: boolean;
}

type Told =
  | { event: 'opening' | 'hello' | 'end' }
  | { event: 'lines'; lines: readonly LogLine[] }
  | { event: 'error'; error: Error };

const NOTHING: State = { lines: [], phase: 'opening', error: null, anew: true };

function next(state: State, told: Told): State {
  const lines = state.anew ? [] : state.lines;
  switch (told.event) {
    case 'opening':
      return { ...state, phase: 'opening', error: null };
    case 'hello':
      return { ...state, phase: 'open', error: null, anew: true };
    case 'lines':
      return { ...state, lines: appended(lines, told.lines), anew: false };
    case 'end':
      return { ...state, lines, phase: 'ended', anew: false };
    case 'error':
      return { ...state, lines, phase: 'failed', error: told.error, anew: false };
  }
}

/**
 * What the containers of a store write, as they write it. Containers that are started later are not
 * told of, so a store that has changed is asked for anew.
 */
export function useFollowedLogs(
  { id, status, observed_generation: generation }: Store,
  follow: boolean,
): FollowedLogs & { again: () => void } {
  const [state, tell] = useReducer(next, NOTHING);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    if (!follow) return;
    const stream = new ChangeStream({
      url: logStream(id),
      headers: authHeaders,
      onConnection: () => undefined,
      onOpen: () => undefined,
      onRefused: () => {
        setToken(null);
      },
      onRejected: (response) => {
        stream.close();
        void refused(response).then((error) => {
          tell({ event: 'error', error });
        });
      },
      onMessage: ({ event, data }) => {
        if (event === 'hello') tell({ event });
        if (event === 'lines') tell({ event, lines: JSON.parse(data) as LogLine[] });
        if (event !== 'end' && event !== 'error') return;
        stream.close();
        if (event === 'end') tell({ event });
        else {
          const error = JSON.parse(data) as ConstructorParameters<typeof ApiError>[1];
          tell({ event, error: new ApiError(200, error) });
        }
      },
    });
    return () => {
      stream.close();
    };
  }, [id, status, generation, follow, attempt]);

  const again = () => {
    tell({ event: 'opening' });
    setAttempt(attempt + 1);
  };
  return { ...state, again };
}
