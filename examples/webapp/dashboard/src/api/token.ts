/**
 * The bearer token of this tab. It is kept until the tab is closed, and sent in a header only,
 * so no other site can make use of it.
 */
import { useSyncExternalStore } from 'react';

const KEY = 'storeorch-token';
const listeners = new Set<() => void>();

export function getToken(): string | null {
  return sessionStorage.getItem(KEY);
}

export function setToken(token: string | null): void {
  if (token === null) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, token);
  listeners.forEach((listener) => {
    listener();
  });
}

export function useToken(): string | null {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, getToken);
}

/** The headers that say who asks. */
export function authHeaders(): Record<string, string> {
  const token = getToken();
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}
