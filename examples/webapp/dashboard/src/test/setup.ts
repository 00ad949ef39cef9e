import '@testing-library/jest-dom/vitest';
import { notifications } from '@mantine/notifications';
import { cleanup, configure } from '@testing-library/react';
import { afterAll, afterEach, beforeAll, vi } from 'vitest';
import { server, Stream } from './server';

// The page as text is too long to help; and machines that are busy need their time.
configure({ asyncUtilTimeout: 10_000, getElementError: (message) => new Error(message ?? '') });

/** What jsdom lacks: a page of 1200 by 900 pixels. */
class Observer implements ResizeObserver {
  private readonly callback: ResizeObserverCallback;
  constructor(callback: ResizeObserverCallback) {
    this.callback = callback;
  }
  observe(target: Element): void {
    const contentRect = new DOMRect(0, 0, 1200, 300);
    const size = [{ inlineSize: 1200, blockSize: 300 }];
    this.callback(
      [
        {
          target,
          contentRect,
          borderBoxSize: size,
          contentBoxSize: size,
          devicePixelContentBoxSize: size,
        },
      ],
      this,
    );
  }
  unobserve(): void {
    // nothing is kept
  }
  disconnect(): void {
    // nothing is kept
  }
}

vi.stubGlobal('ResizeObserver', Observer);
vi.stubGlobal('scrollTo', () => undefined);
vi.stubGlobal('matchMedia', (media: string) => ({
  media,
  matches: false,
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
}));
Element.prototype.scrollIntoView = () => undefined;

beforeAll(() => {
  server.listen({ onUnhandledFrame: 'error' });
  vi.stubGlobal('fetch', Stream.around(globalThis.fetch));
});
afterEach(() => {
  cleanup();
  notifications.clean();
  server.resetHandlers();
  Stream.forget();
  sessionStorage.clear();
});
afterAll(() => {
  server.close();
});
