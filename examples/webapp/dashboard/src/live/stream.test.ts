import type { EventSourceMessage } from 'eventsource-client';
import { waitFor } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import { event, store } from '../test/data';
import { refusal, Stream } from '../test/server';
import { ChangeStream, type Connection } from './stream';

let open: ChangeStream | undefined;

function listen(silenceMs?: number) {
  const seen = {
    connections: [] as Connection[],
    messages: [] as EventSourceMessage[],
    opened: 0,
    refused: 0,
  };
  open = new ChangeStream({
    url: `${location.origin}/api/events/stream`,
    headers: () => ({ Authorization: 'Bearer mine' }),
    onConnection: (connection) => {
      if (seen.connections.at(-1) !== connection) seen.connections.push(connection);
    },
    onMessage: (message) => {
      if (message.event === 'change') seen.messages.push(message);
    },
    onOpen: () => seen.opened++,
    onRefused: () => seen.refused++,
    ...(silenceMs === undefined ? {} : { silenceMs }),
  });
  return seen;
}

afterEach(() => open?.close());

describe('the stream of changes', () => {
  it('tells of changes and that it is open', async () => {
    const stream = new Stream();
    const seen = listen();
    stream.tell({ event: event({ id: 7 }), store: store() });
    await waitFor(() => {
      expect(seen.messages.map((each) => [each.event, each.id])).toEqual([['change', '7']]);
    });
    expect(seen.connections).toEqual(['live']);
  });

  it('says that it is lost, and goes on from where it was', async () => {
    const stream = new Stream();
    const seen = listen();
    stream.tell({ event: event({ id: 7 }), store: store() });
    await waitFor(() => {
      expect(seen.messages).toHaveLength(1);
    });
    stream.cut();
    await waitFor(() => {
      expect(seen.connections.at(-1)).toBe('offline');
    });
    window.dispatchEvent(new Event('online'));
    await waitFor(() => {
      expect(seen.connections).toEqual(['live', 'offline', 'live']);
    });
    expect(stream.opened).toEqual([null, '7']);
    expect(seen.opened).toBe(2);
  });

  it('begins anew where its place is not known any more', async () => {
    const stream = new Stream();
    const seen = listen();
    stream.tell({ event: event({ id: 7 }), store: store() });
    await waitFor(() => {
      expect(seen.messages).toHaveLength(1);
    });
    stream.refuse = (headers) =>
      headers.has('Last-Event-ID') ? refusal(400, 'invalid-cursor', 'No such place.') : undefined;
    open?.restart();
    await waitFor(() => {
      expect(seen.opened).toBe(2);
    });
    expect(stream.opened).toEqual([null, null]);
  });

  it('replaces a connection that has been silent for too long', async () => {
    const seen = listen(100);
    await waitFor(() => {
      expect(seen.opened).toBeGreaterThan(1);
    });
    expect(seen.connections.slice(0, 3)).toEqual(['live', 'offline', 'live']);
  });

  it('ends where the token is refused', async () => {
    new Stream().refuse = () => refusal(401, 'unauthorized', 'No.');
    const seen = listen();
    await waitFor(() => {
      expect(seen.refused).toBe(1);
    });
    expect(seen.connections).toEqual([]);
  });

  it('follows the network’s own word at once', async () => {
    const seen = listen();
    await waitFor(() => {
      expect(seen.opened).toBe(1);
    });
    window.dispatchEvent(new Event('offline'));
    expect(seen.connections.at(-1)).toBe('offline');
  });
});
