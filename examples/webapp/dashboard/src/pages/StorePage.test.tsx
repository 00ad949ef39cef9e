import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http } from 'msw';
import { describe, expect, it } from 'vitest';
import type { Store } from '../api/model';
import { event, store } from '../test/data';
import { expectAccessible, renderPage } from '../test/render';
import { listing, ok, operator, pastOf, refusal, server, Stream } from '../test/server';
import { StorePage } from './StorePage';

function show(...stores: Store[]) {
  server.use(http.get('/api/stores', listing(stores)));
  return renderPage('/stores/:id', <StorePage />, '/stores/id-of-shirts');
}

const panel = async (name: string) => within(await screen.findByRole('region', { name }));

describe('the page of a store', () => {
  it('tells everything about it', async () => {
    server.use(
      http.get(
        '/api/stores/:id/events',
        pastOf([
          event(),
          event({ id: 2, kind: 'step', message: 'Made.', step: 'namespace', duration: 0.25 }),
          event({ id: 3, kind: 'error', message: 'It broke.', error_id: 'e-77' }),
        ]),
      ),
    );
    show(store({ parameters: { mysql: { replicas: 2 } } }));
    expect(await screen.findByRole('heading', { level: 1, name: 'shirts' })).toBeVisible();
    const steps = await panel('Steps');
    expect(steps.getByText('NamespaceReady holds.')).toBeVisible();
    expect(steps.getByText('1.5 s')).toBeVisible();
    expect((await panel('Parameters')).getByText('mysql.replicas')).toBeVisible();
    const history = await panel('History');
    const lines = await history.findAllByRole('listitem');
    expect(lines.map((line) => line.textContent)).toEqual([
      expect.stringContaining('It broke.error e-77'),
      expect.stringContaining('Made.namespace · 0.3 s'),
      expect.stringContaining('The store shirts was declared.by alice'),
    ]);
    await expectAccessible();
  });

  it('adds to the history what the stream tells', async () => {
    const stream = new Stream();
    server.use(http.get('/api/stores/:id/events', pastOf([event()])));
    show(store());
    const history = await panel('History');
    await history.findByText('The store shirts was declared.');
    const told = event({ id: 5, kind: 'transition', message: 'The store shirts is degraded.' });
    stream.tell({
      event: told,
      store: store({ status: 'degraded', updated_at: '2026-01-01T11:00:00.000000Z' }),
    });
    expect(await history.findByText('The store shirts is degraded.')).toBeVisible();
    expect(await screen.findByText('Degraded')).toBeVisible();
  });

  it('shows credentials only once asked, and hides them again', async () => {
    let asked = 0;
    server.use(
      http.get('/api/stores/id-of-shirts/credentials', () => {
        asked++;
        const admin = { username: 'root', password: 'hidden-word', url: null };
        return ok({ url: null, values: { 'admin-password': 'hidden-word' }, admin });
      }),
    );
    show(store());
    const credentials = await panel('Credentials');
    expect(credentials.queryByText('hidden-word')).toBeNull();
    expect(asked).toBe(0);
    await userEvent.click(credentials.getByRole('button', { name: 'Show credentials' }));
    expect(await credentials.findByText('hidden-word')).toBeVisible();
    expect(credentials.getByText('root')).toBeVisible();
    await expectAccessible();
    await userEvent.click(credentials.getByRole('button', { name: 'Hide' }));
    await waitFor(() => {
      expect(credentials.queryByText('hidden-word')).toBeNull();
    });
  });

  it('says why there are no credentials', async () => {
    server.use(
      http.get('/api/stores/id-of-shirts/credentials', () =>
        refusal(409, 'no-credentials', 'The store has no credentials yet.'),
      ),
    );
    show(store());
    const credentials = await panel('Credentials');
    await userEvent.click(credentials.getByRole('button', { name: 'Show credentials' }));
    expect(await credentials.findByRole('alert')).toHaveTextContent('no credentials yet');
  });

  it('changes parameters by what differs', async () => {
    const sent: unknown[] = [];
    server.use(
      http.patch('/api/stores/id-of-shirts', async ({ request }) => {
        sent.push(await request.json());
        return ok(store({ status: 'updating', updated_at: '2026-01-01T11:00:00.000000Z' }));
      }),
    );
    show(store({ parameters: { storage_class: 'slow' } }));
    await userEvent.click(await screen.findByRole('button', { name: 'Change the parameters' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Parameters of shirts' }));
    const field = await dialog.findByRole('textbox', { name: /Storage Class/ });
    expect(field).toHaveValue('slow');
    expect(dialog.getByRole('button', { name: 'Update store' })).toBeDisabled();
    await userEvent.clear(field);
    await userEvent.type(field, 'fast');
    await userEvent.click(dialog.getByRole('button', { name: 'Update store' }));
    expect(await screen.findByText('Updating')).toBeVisible();
    expect(sent).toEqual([{ parameters: { storage_class: 'fast' } }]);
  });

  it('keeps the history of a store that is gone', async () => {
    server.use(
      http.get(
        '/api/stores/:id/events',
        pastOf([event({ kind: 'deleted', message: 'The store shirts is gone.' })]),
      ),
    );
    show();
    expect(await screen.findByText('Gone')).toBeVisible();
    expect(await screen.findByText('The store shirts is gone.')).toBeVisible();
  });

  it('says that there never was such a store', async () => {
    server.use(http.get('/api/stores/:id/events', () => refusal(404, 'store-not-found', 'None.')));
    show();
    expect(await screen.findByRole('heading', { name: 'Nothing here' })).toBeVisible();
  });

  it('shows a viewer no credentials', async () => {
    server.use(http.get('/api/me', () => ok({ ...operator, role: 'viewer' })));
    show(store());
    await panel('About');
    expect(screen.queryByRole('region', { name: 'Credentials' })).toBeNull();
    expect(screen.queryByRole('button', { name: /Delete|Change/ })).toBeNull();
  });
});
