import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { delay, http } from 'msw';
import { describe, expect, it } from 'vitest';
import { event, store } from '../test/data';
import { expectAccessible, renderPage } from '../test/render';
import { listing, ok, operator, refusal, server, Stream } from '../test/server';
import type { Store } from '../api/model';
import { StoresPage } from './StoresPage';

const shirts = store({ name: 'shirts' });
const books = store({
  name: 'books',
  status: 'failed',
  fault: {
    code: 'workload-failed',
    message: 'The image cannot be pulled.',
    hint: 'Check its name.',
    error_id: 'e-1',
  },
});

function show(...stores: Store[]) {
  server.use(http.get('/api/stores', listing(stores)));
  return renderPage('/', <StoresPage />);
}

const card = async (name: string) => screen.findByRole('article', { name });

describe('the page of all stores', () => {
  it('says that it is loading', () => {
    server.use(http.get('/api/stores', () => delay('infinite')));
    renderPage('/', <StoresPage />);
    expect(screen.getByRole('status', { name: 'Loading the stores' })).toBeVisible();
  });

  it('invites to create the first one', async () => {
    show();
    expect(await screen.findByText('No stores yet')).toBeVisible();
    expect(await screen.findAllByRole('button', { name: 'New store' })).toHaveLength(2);
    await expectAccessible();
  });

  it('says why there is nothing to see, and tries again', async () => {
    server.use(
      http.get('/api/stores', () =>
        refusal(503, 'database-unavailable', 'The database does not answer.', 'Start it.'),
      ),
    );
    renderPage('/', <StoresPage />);
    expect(await screen.findByRole('alert')).toHaveTextContent('The database does not answer.');
    expect(screen.getByRole('alert')).toHaveTextContent('Start it.');
    server.use(http.get('/api/stores', listing([shirts])));
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await card('shirts')).toBeVisible();
  });

  it('shows each store with its state, address and what can be done', async () => {
    show(shirts, books);
    const ready = within(await card('shirts'));
    expect(ready.getByText('Ready')).toBeVisible();
    expect(ready.getByText('WooCommerce')).toBeVisible();
    expect(ready.getByText('store-shirts-12345678')).toBeVisible();
    expect(ready.getByRole('link', { name: 'Open Store shirts' })).toHaveAttribute(
      'href',
      'http://shirts.local.test',
    );
    expect(ready.queryByRole('button', { name: 'Retry shirts' })).toBeNull();
    const failed = within(await card('books'));
    expect(failed.getByText(/The image cannot be pulled. Check its name./)).toBeVisible();
    expect(await failed.findByRole('button', { name: 'Retry books' })).toBeVisible();
    expect(failed.queryByRole('link', { name: /Open/ })).toBeNull();
    await expectAccessible();
  });

  it('shows markup in names and messages as it is written', async () => {
    show({ ...books, fault: { code: 'x', message: '<img src=x onerror=alert(1)>' } });
    const found = within(await card('books'));
    expect(found.getByText(/<img src=x onerror=alert\(1\)>/)).toBeVisible();
    expect(document.querySelector('img[src=x]')).toBeNull();
  });

  it('follows no address that is a script', async () => {
    show({ ...shirts, url: 'javascript:alert(1)' });
    const found = within(await card('shirts'));
    expect(found.queryByRole('link', { name: /Open/ })).toBeNull();
  });

  it('turns the badge when the stream says so', async () => {
    const stream = new Stream();
    const making = store({ name: 'shirts', status: 'provisioning', conditions: [] });
    show(making);
    expect(await within(await card('shirts')).findByText('Provisioning')).toBeVisible();
    const made = { ...shirts, updated_at: '2026-01-01T10:00:30.000000Z' };
    stream.tell({ event: event({ id: 2, kind: 'transition', status: 'ready' }), store: made });
    expect(await within(await card('shirts')).findByText('Ready')).toBeVisible();
    expect(screen.getByText('shirts is ready.')).toBeInTheDocument();
    stream.tell({ event: event({ id: 3, kind: 'deleted' }), store: null });
    expect(await screen.findByText('No stores yet')).toBeVisible();
    expect(screen.getByText('shirts is gone.')).toBeInTheDocument();
  });

  it('searches and filters, and keeps it in the address', async () => {
    show(shirts, books);
    await card('shirts');
    await userEvent.keyboard('/');
    expect(screen.getByRole('textbox', { name: 'Search stores' })).toHaveFocus();
    await userEvent.keyboard('boo');
    await waitFor(() => {
      expect(screen.queryByRole('article', { name: 'shirts' })).toBeNull();
    });
    await userEvent.click(screen.getByRole('button', { name: 'Clear the search' }));
    await userEvent.click(screen.getByRole('radio', { name: /Ready 1/ }));
    await waitFor(() => {
      expect(screen.queryByRole('article', { name: 'books' })).toBeNull();
    });
    await userEvent.type(screen.getByRole('textbox', { name: 'Search stores' }), 'nothing');
    expect(await screen.findByText('No store fits')).toBeVisible();
    await userEvent.click(screen.getByRole('button', { name: 'Show all' }));
    expect(await card('books')).toBeVisible();
    expect(await card('shirts')).toBeVisible();
  });

  it('deletes a store only once its name was typed', async () => {
    let deleted = false;
    server.use(
      http.delete('/api/stores/id-of-shirts', () => {
        deleted = true;
        return ok(null);
      }),
    );
    show(shirts);
    const found = within(await card('shirts'));
    await userEvent.click(await found.findByRole('button', { name: 'Delete shirts' }));
    const dialog = within(await screen.findByRole('dialog', { name: 'Delete shirts?' }));
    const confirm = dialog.getByRole('button', { name: 'Delete store' });
    await userEvent.type(dialog.getByRole('textbox'), 'shirt');
    expect(confirm).toBeDisabled();
    await expectAccessible();
    await userEvent.type(dialog.getByRole('textbox'), 's');
    await userEvent.click(confirm);
    await waitFor(() => {
      expect(deleted).toBe(true);
    });
    await waitFor(() => {
      expect(screen.queryByRole('dialog')).toBeNull();
    });
  });

  it('says why a store cannot be retried', async () => {
    server.use(
      http.post('/api/stores/id-of-books/retry', () =>
        refusal(409, 'invalid-transition', 'The store is ready; there is nothing to retry.'),
      ),
    );
    show(books);
    const found = within(await card('books'));
    await userEvent.click(await found.findByRole('button', { name: 'Retry books' }));
    expect(await screen.findByText(/there is nothing to retry/)).toBeVisible();
  });

  it('offers a viewer nothing that would be refused', async () => {
    server.use(http.get('/api/me', () => ok({ ...operator, role: 'viewer' })));
    show(shirts, books);
    await card('shirts');
    expect(screen.queryByRole('button', { name: /New store|Delete|Retry/ })).toBeNull();
  });

  it('keeps only the cards near what is seen in the page', async () => {
    show(...Array.from({ length: 1000 }, (_, index) => store({ name: `store-${index}` })));
    await card('store-0');
    expect(screen.getAllByRole('article').length).toBeLessThan(60);
    expect(screen.getAllByRole('listitem')[0]).toHaveAttribute('aria-setsize', '1000');
  });
});
