import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { delay, http, HttpResponse } from 'msw';
import { beforeEach, describe, expect, it } from 'vitest';
import { App } from './App';
import { getToken } from './api/token';
import { expectAccessible, renderInside } from './test/render';
import { store } from './test/data';
import { listing, ok, operator, refusal, server, Stream } from './test/server';

const askForToken = http.get('/api/me', ({ request }) =>
  request.headers.get('Authorization') === 'Bearer right'
    ? ok(operator)
    : refusal(401, 'unauthorized', 'A valid token is needed.'),
);

describe('the dashboard', () => {
  beforeEach(() => {
    window.history.replaceState(null, '', '/');
  });

  it('asks for a token, refuses a wrong one and takes the right one', async () => {
    server.use(askForToken);
    renderInside(<App />);
    const field = await screen.findByLabelText('Token');
    await expectAccessible();
    await userEvent.type(field, 'wrong{Enter}');
    expect(await screen.findByText('This token is not valid, or no longer.')).toBeVisible();
    await userEvent.clear(screen.getByLabelText('Token'));
    await userEvent.type(screen.getByLabelText('Token'), 'right{Enter}');
    expect(await screen.findByRole('heading', { name: 'Stores' })).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Account' }));
    expect(await screen.findByText('alice (operator)')).toBeVisible();
    await userEvent.click(screen.getByRole('menuitem', { name: 'Sign out' }));
    expect(await screen.findByLabelText('Token')).toBeVisible();
    expect(getToken()).toBeNull();
  });

  it('shows the next visitor nothing of the last one', async () => {
    server.use(
      http.get('/api/me', ({ request }) =>
        request.headers.has('Authorization') ? ok(operator) : refusal(401, 'unauthorized', 'No.'),
      ),
      http.get('/api/stores', async ({ request, ...rest }) => {
        if (request.headers.get('Authorization') !== 'Bearer first') await delay('infinite');
        return listing([store({ name: 'secret' })])({ request, ...rest });
      }),
    );
    renderInside(<App />);
    await userEvent.type(await screen.findByLabelText('Token'), 'first{Enter}');
    await screen.findByRole('article', { name: 'secret' });
    await userEvent.click(screen.getByRole('button', { name: 'Account' }));
    await userEvent.click(await screen.findByRole('menuitem', { name: 'Sign out' }));
    await userEvent.type(await screen.findByLabelText('Token'), 'second{Enter}');
    expect(await screen.findByRole('status', { name: 'Loading the stores' })).toBeVisible();
    expect(screen.queryByRole('article')).toBeNull();
  });

  it('needs none where authentication is off', async () => {
    server.use(http.get('/api/me', () => ok({ ...operator, auth: 'off', role: 'admin' })));
    renderInside(<App />);
    expect(await screen.findByRole('heading', { name: 'Stores' })).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Account' })).toBeNull();
    await expectAccessible();
  });

  it('says that the server cannot be reached, and tries again', async () => {
    server.use(http.get('/api/me', () => HttpResponse.error()));
    renderInside(<App />);
    expect(await screen.findByRole('alert')).toHaveTextContent('The server cannot be reached.');
    server.use(http.get('/api/me', () => ok(operator)));
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('heading', { name: 'Stores' })).toBeVisible();
  });

  it('tells whether it is live', async () => {
    const stream = new Stream();
    renderInside(<App />);
    const header = within(await screen.findByRole('banner'));
    expect(await header.findByText('Live')).toBeVisible();
    stream.cut();
    expect(await header.findByText('Offline')).toBeVisible();
    expect(await screen.findByText(/No connection to the server/)).toBeVisible();
    window.dispatchEvent(new Event('online'));
    expect(await header.findByText('Live')).toBeVisible();
    await waitFor(() => {
      expect(screen.queryByText(/No connection/)).toBeNull();
    });
  });

  it('is dark where that was chosen', async () => {
    renderInside(<App />);
    await screen.findByRole('heading', { name: 'Stores' });
    await userEvent.click(screen.getByRole('button', { name: /Switch to the dark theme/ }));
    expect(document.documentElement).toHaveAttribute('data-mantine-color-scheme', 'dark');
  });
});
