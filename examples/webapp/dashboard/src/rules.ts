/** What follows from a store's data; pure, and the same rules as the server's. */
import type { Store } from './api/model';

/** Whether another attempt can be asked for; a store that backs off has failed attempts. */
export function mayRetry(store: Store): boolean {
  switch (store.status) {
    case 'failed':
    case 'degraded':
      return true;
    case 'provisioning':
    case 'updating':
      return store.attempts > 0;
    case 'ready':
    case 'deleting':
      return false;
  }
}

/** Whether an address may be followed; a script in its place never is. */
export function isSafeUrl(url: string | null): url is string {
  if (url === null) return false;
  try {
    return ['http:', 'https:'].includes(new URL(url).protocol);
  } catch {
    return false;
  }
}

/** How long the first making of a store took, in seconds; null once it was declared anew. */
export function readyAfter(store: Store): number | null {
  if (store.status !== 'ready' || store.ready_at === null || store.generation !== 1) return null;
  return (Date.parse(store.ready_at) - Date.parse(store.created_at)) / 1000;
}

const MAX_NAME_LENGTH = 40;

/** Say what is wrong with a store's name, or null. */
export function nameProblem(name: string): string | null {
  if (name === '') return 'A name is needed.';
  if (name.length > MAX_NAME_LENGTH) return `At most ${MAX_NAME_LENGTH} characters are possible.`;
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name)) {
    return 'Lower-case letters, digits and dashes are possible, and no dash at either end.';
  }
  return null;
}
