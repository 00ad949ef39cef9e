import { createContext, useContext } from 'react';
import type { Connection } from './stream';

export interface ConnectionState {
  connection: Connection;
  /** When it came to be so, in milliseconds since the epoch. */
  since: number;
}

export const ConnectionContext = createContext<ConnectionState>({
  connection: 'connecting',
  since: 0,
});

/** Whether changes are told of as they happen, and since when. */
export function useConnection(): ConnectionState {
  return useContext(ConnectionContext);
}
