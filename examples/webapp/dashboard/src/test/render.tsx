import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { QueryClientProvider } from '@tanstack/react-query';
import { render, type RenderResult } from '@testing-library/react';
import axe from 'axe-core';
import type { ReactNode } from 'react';
import { createMemoryRouter } from 'react-router';
import { RouterProvider } from 'react-router/dom';
import { expect } from 'vitest';
import { createQueryClient } from '../api/client';
import { LiveProvider } from '../live/LiveProvider';
import { theme } from '../theme';

/** Render what the dashboard's providers are around. */
export function renderInside(content: ReactNode): RenderResult {
  const client = createQueryClient();
  client.setDefaultOptions({ queries: { retry: false } });
  return render(
    <QueryClientProvider client={client}>
      <MantineProvider theme={theme} env="test">
        <Notifications />
        {content}
      </MantineProvider>
    </QueryClientProvider>,
  );
}

/** Render a page at an address, live. */
export function renderPage(path: string, element: ReactNode, address = path): RenderResult {
  const router = createMemoryRouter(
    [
      { path, element },
      { path: '*', element: <p>elsewhere</p> },
    ],
    { initialEntries: [address] },
  );
  return renderInside(
    <LiveProvider>
      <RouterProvider router={router} />
    </LiveProvider>,
  );
}

/** Check that axe finds nothing; contrast is looked at in a real browser. */
export async function expectAccessible(element: Element = document.body): Promise<void> {
  const { violations } = await axe.run(element, {
    rules: { 'color-contrast': { enabled: false }, region: { enabled: false } },
  });
  const found = violations.map((each) => `${each.id}: ${each.nodes.map((n) => n.html).join(' ')}`);
  expect(found).toEqual([]);
}
