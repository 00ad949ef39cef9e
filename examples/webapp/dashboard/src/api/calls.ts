/** The calls of the API; knows its addresses and envelopes, and nothing of caching or showing. */
import createClient, { type Middleware } from 'openapi-fetch';
import type { Parameters } from '../form/parameters';
import { ApiError } from './error';
import type { Credentials, LogLine, Problem, Session, Store, StoreEvent, StoreType } from './model';
import type { paths } from './schema';
import { authHeaders } from './token';

export interface Draft {
  name: string;
  type: string;
  parameters: Parameters;
}

/** Stores or events in one answer, the most that the server gives. */
const PAGE = 1000;

/** Lines of each container that logs begin with. */
const TAIL = 200;

const middleware: Middleware = {
  onRequest: ({ request }) => {
    for (const [name, value] of Object.entries(authHeaders())) request.headers.set(name, value);
  },
  onResponse: async ({ response }) => {
    if (!response.ok) throw await refused(response);
  },
  onError: ({ error }) => {
    if (error instanceof DOMException && error.name === 'AbortError') return undefined;
    return error instanceof ApiError ? error : unreachable();
  },
};

const api = createClient<paths, 'application/json'>({
  baseUrl: window.location.origin,
  // Asked for at each call, so that tests may put another in its place.
  fetch: (request) => fetch(request),
});
api.use(middleware);

function unreachable(): ApiError {
  return new ApiError(0, {
    code: 'unreachable',
    message: 'The server cannot be reached.',
    hint: 'Look whether it runs, and try again.',
  });
}

/** What a refusal says. */
export async function refused(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => null)) as {
    error?: { code: string; message: string };
  } | null;
  return new ApiError(
    response.status,
    body?.error ?? {
      code: 'unknown',
      message: `The server answered with status ${response.status}.`,
    },
  );
}

/** The content of an answer; one that was refused was raised before. */
function content<T>({ data }: { data?: T }): T {
  if (data === undefined) throw unreachable();
  return data;
}

export async function session(): Promise<Session> {
  return content(await api.GET('/api/me')).data;
}

export async function types(): Promise<StoreType[]> {
  return content(await api.GET('/api/types')).data;
}

/** All stores, newest first, page by page. */
export async function stores(signal: AbortSignal): Promise<Store[]> {
  const found: Store[] = [];
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = { limit: PAGE };
    if (cursor !== null) query.cursor = cursor;
    const answer = content(await api.GET('/api/stores', { params: { query }, signal }));
    found.push(...answer.data);
    cursor = answer.page.next_cursor;
  } while (cursor !== null);
  return found;
}

/** What happened to a store after an event, oldest first. */
export async function history(
  id: string,
  after: number,
  signal: AbortSignal,
): Promise<StoreEvent[]> {
  const found: StoreEvent[] = [];
  let more = true;
  while (more) {
    const query = { after, limit: PAGE };
    const params = { path: { store_id: id }, query };
    const answer = content(await api.GET('/api/stores/{store_id}/events', { params, signal }));
    found.push(...answer.data);
    after = answer.page.next_after;
    more = answer.page.more;
  }
  return found;
}

/** What a draft would be refused for; nothing is written. */
export async function check(draft: Draft, signal: AbortSignal): Promise<Problem[]> {
  const { name, ...rest } = draft;
  const body = name === '' ? rest : draft;
  return content(await api.POST('/api/stores/validate', { body, signal })).data.problems;
}

export async function create({ draft, key }: { draft: Draft; key: string }): Promise<Store> {
  const params = { header: { 'idempotency-key': key } };
  return content(await api.POST('/api/stores', { params, body: draft })).data;
}

export async function update({
  id,
  parameters,
}: {
  id: string;
  parameters: Parameters;
}): Promise<Store> {
  const params = { path: { store_id: id } };
  return content(await api.PATCH('/api/stores/{store_id}', { params, body: { parameters } })).data;
}

export async function retry(id: string): Promise<Store> {
  const params = { path: { store_id: id } };
  return content(await api.POST('/api/stores/{store_id}/retry', { params })).data;
}

export async function remove(id: string): Promise<void> {
  await api.DELETE('/api/stores/{store_id}', { params: { path: { store_id: id } } });
}

export async function credentials(id: string): Promise<Credentials> {
  const params = { path: { store_id: id } };
  return content(await api.GET('/api/stores/{store_id}/credentials', { params })).data;
}

/** The last lines of each container of a store. */
export async function logs(id: string, signal: AbortSignal): Promise<LogLine[]> {
  const params = { path: { store_id: id }, query: { tail: TAIL } };
  return content(await api.GET('/api/stores/{store_id}/logs', { params, signal })).data;
}

/** Where they are told as they are written. */
export function logStream(id: string): string {
  return `${window.location.origin}/api/stores/${encodeURIComponent(id)}/logs?follow=true&tail=${TAIL}`;
}
