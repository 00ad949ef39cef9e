/** The API as tests see it; each test puts its own answers over these. */
import { http, HttpResponse, type HttpResponseResolver } from 'msw';
import { setupServer } from 'msw/node';
import type { Change, Session, Store, StoreEvent } from '../api/model';
import { kiosk, woocommerce } from './data';

export const operator: Session = {
  actor: 'alice',
  owner: 'alice',
  role: 'operator',
  auth: 'on',
  max_stores: 20,
  creations_per_hour: 60,
};

export function ok(data: unknown, more: object = {}): Response {
  return HttpResponse.json({ success: true, data, ...more });
}

export function refusal(status: number, code: string, message: string, hint?: string): Response {
  const error = { code, message, hint: hint ?? null, error_id: null, fields: [] };
  return HttpResponse.json({ success: false, error }, { status });
}

export function listing(stores: readonly Store[]): HttpResponseResolver {
  return () =>
    ok(stores, { page: { next_cursor: null, total: stores.length, counts: {} } }) as never;
}

export function pastOf(events: readonly StoreEvent[]): HttpResponseResolver {
  return ({ request }) => {
    const after = Number(new URL(request.url).searchParams.get('after'));
    const found = events.filter((each) => each.id > after);
    return ok(found, { page: { next_after: found.at(-1)?.id ?? after, more: false } }) as never;
  };
}

const CHANGES = '/api/events/stream';

/**
 * A stream that a test speaks through, of changes unless it is at another address. It answers in the place of `fetch` itself,
 * because a stream that is left before its end is more than the mocked network can bear.
 */
export class Stream {
  private static readonly all = new Map<string, Stream>();
  private controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  private readonly waiting: string[] = [];
  /** What each attempt to open it said it had seen last. */
  readonly opened: (string | null)[] = [];
  /** Answers instead, if it answers. */
  refuse: (headers: Headers) => Response | undefined = () => undefined;

  constructor(path = CHANGES) {
    Stream.all.set(path, this);
  }

  /** Return a `fetch` that leads to the newest stream at the address, or to the network. */
  static around(network: typeof fetch): typeof fetch {
    return (input, init) => {
      const url = input instanceof Request ? input.url : input.toString();
      const { pathname, searchParams } = new URL(url);
      const known = Stream.all.get(pathname);
      if (pathname !== CHANGES && !(known && searchParams.has('follow'))) {
        return network(input, init);
      }
      const stream = known ?? new Stream();
      return Promise.resolve(stream.answer(new Headers(init?.headers), init?.signal));
    };
  }

  static forget(): void {
    Stream.all.clear();
  }

  say(name: string, data: unknown): void {
    this.send(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  tell(change: Change): void {
    const id = change.event ? `id: ${change.event.id}\n` : '';
    this.send(`event: change\n${id}data: ${JSON.stringify(change)}\n\n`);
  }

  /** Cut the connection, as a server that ends does. */
  cut(): void {
    this.controller?.close();
    this.controller = undefined;
  }

  private answer(headers: Headers, signal: AbortSignal | null | undefined): Response {
    const refusal = this.refuse(headers);
    if (refusal) return refusal;
    this.opened.push(headers.get('Last-Event-ID'));
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.controller = controller;
        this.send('event: hello\nid: 5\ndata: {"cursor": 5}\n\n');
        for (const text of this.waiting.splice(0)) this.send(text);
        signal?.addEventListener('abort', () => {
          if (this.controller === controller) this.controller = undefined;
          controller.error(signal.reason);
        });
      },
    });
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
  }

  private send(text: string): void {
    if (this.controller) this.controller.enqueue(new TextEncoder().encode(text));
    else this.waiting.push(text);
  }
}

export const server = setupServer(
  http.get('/api/me', () => ok(operator)),
  http.get('/api/types', () => ok([woocommerce, kiosk])),
  http.get('/api/stores', listing([])),
  http.get('/api/stores/:id/events', pastOf([])),
  http.post('/api/stores/validate', () => ok({ valid: true, problems: [] })),
);
