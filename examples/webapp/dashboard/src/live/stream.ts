/**
 * A stream of the server, and whether it is open. Knows the network; must not know what is done
 * with the changes, nor any component.
 */
import {
  createEventSource,
  type EventSourceClient,
  type EventSourceMessage,
} from 'eventsource-client';

export type Connection = 'connecting' | 'live' | 'offline';

export interface StreamOptions {
  url: string;
  /** Headers of each attempt. */
  headers: () => Record<string, string>;
  onMessage: (message: EventSourceMessage) => void;
  /** The stream is open, for the first time or again. */
  onOpen: () => void;
  onConnection: (connection: Connection) => void;
  /** The server does not accept the token any more. */
  onRefused: () => void;
  /** The server refuses the stream otherwise; it is asked again unless it is closed now. */
  onRejected?: (response: Response) => void;
  /** Milliseconds of silence after which the stream counts as dead. */
  silenceMs?: number;
}

/** The server comments every 15 seconds; two of them may be lost. */
const SILENCE_MS = 40_000;

/** A stream that comes back by itself, from where it was. */
export class ChangeStream {
  private client: EventSourceClient | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  private readonly options: StreamOptions;

  constructor(options: StreamOptions) {
    this.options = options;
    window.addEventListener('online', this.restart);
    window.addEventListener('offline', this.lose);
    this.connect(undefined);
  }

  close(): void {
    this.closed = true;
    window.removeEventListener('online', this.restart);
    window.removeEventListener('offline', this.lose);
    clearTimeout(this.watchdog);
    this.client?.close();
  }

  /** Connect anew at once, instead of after the usual pause. */
  readonly restart = (): void => {
    if (!this.closed) this.connect(this.client?.lastEventId);
  };

  private readonly lose = (): void => {
    if (!this.closed) this.options.onConnection('offline');
  };

  private connect(lastEventId: string | undefined): void {
    this.client?.close();
    const { url, onMessage } = this.options;
    this.client = createEventSource({
      url,
      ...(lastEventId === undefined ? {} : { initialLastEventId: lastEventId }),
      fetch: this.fetch,
      onMessage: (message) => {
        this.alive();
        onMessage(message);
      },
      onComment: this.alive,
      onScheduleReconnect: this.lose,
      onDisconnect: this.lose,
    });
    this.alive();
  }

  private readonly fetch = async (url: string | URL, init?: RequestInit): Promise<Response> => {
    const headers = { ...(init?.headers as Record<string, string>), ...this.options.headers() };
    const response = await fetch(url, { ...init, headers });
    if (response.status === 401) {
      this.close();
      this.options.onRefused();
    }
    if (response.status === 400 && this.client?.lastEventId !== undefined) {
      // The place to resume from is not known any more: another database, say.
      this.connect(undefined);
    }
    if (!response.ok) {
      if (response.status !== 401) this.options.onRejected?.(response);
      throw new Error('The stream was refused.'); // the client tries again
    }
    this.options.onConnection('live');
    this.options.onOpen();
    return response;
  };

  /** A connection can die without a sign; one that was silent for too long is replaced. */
  private readonly alive = (): void => {
    clearTimeout(this.watchdog);
    if (this.closed) return;
    this.watchdog = setTimeout(() => {
      this.lose();
      this.restart();
    }, this.options.silenceMs ?? SILENCE_MS);
  };
}
