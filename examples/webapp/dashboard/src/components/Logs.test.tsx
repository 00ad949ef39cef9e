import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http } from 'msw';
import { describe, expect, it } from 'vitest';
import { StorePage } from '../pages/StorePage';
import { event, store } from '../test/data';
import { expectAccessible, renderPage } from '../test/render';
import { listing, ok, operator, refusal, server, Stream } from '../test/server';

const PATH = '/api/stores/id-of-shirts/logs';
const HOSTILE = '\u001b[31m<img src=x onerror=alert(1)>\u001b[0m';

const line = (text: string, container = 'web') => ({ pod: `${container}-0`, container, text });

function show() {
  server.use(http.get('/api/stores', listing([store()])));
  return renderPage('/stores/:id', <StorePage />, '/stores/id-of-shirts?tab=logs');
}

const logs = async () => within(await screen.findByRole('region', { name: 'Logs' }));
const NOTHING = 'No container of the store has written anything yet.';

describe('the logs of a store', () => {
  it('are shown as they are written, as text', async () => {
    const stream = new Stream(PATH);
    const { container } = show();
    const found = await logs();
    stream.say('lines', [line(HOSTILE), line('ready', 'db')]);
    expect(await found.findByText('<img src=x onerror=alert(1)>')).toBeVisible();
    expect(container.querySelector('img')).toBeNull();
    expect(within(found.getByRole('log')).getByText('db-0/db')).toBeVisible();
    stream.say('lines', [line('later')]);
    expect(await found.findByText('later')).toBeVisible();
    await expectAccessible();
    stream.say('end', {});
    expect(await found.findByRole('button', { name: 'Refresh' })).toBeVisible();
    expect(found.getByText('later')).toBeVisible();
  });

  it('can be those of one container', async () => {
    const stream = new Stream(PATH);
    show();
    const found = await logs();
    stream.say('lines', [line('of web'), line('of db', 'db')]);
    await found.findByText('of db');
    await userEvent.click(found.getByRole('combobox', { name: 'Container' }));
    await userEvent.click(await screen.findByRole('option', { name: 'db-0/db' }));
    await waitFor(() => {
      expect(found.queryByText('of web')).toBeNull();
    });
    expect(found.getByText('of db')).toBeVisible();
  });

  it('are asked for once where they are not followed', async () => {
    new Stream(PATH).say('lines', [line('told')]);
    let asked = 0;
    server.use(
      http.get(PATH, () => {
        asked++;
        return ok([line(`answer ${asked}`)], { page: { more: false } });
      }),
    );
    show();
    const found = await logs();
    await found.findByText('told');
    expect(asked).toBe(0);
    await userEvent.click(found.getByRole('switch', { name: 'Follow' }));
    expect(await found.findByText('answer 1')).toBeVisible();
    expect(found.queryByText('told')).toBeNull();
    await userEvent.click(found.getByRole('button', { name: 'Refresh' }));
    expect(await found.findByText('answer 2')).toBeVisible();
  });

  it('are the last ones where there are many', async () => {
    const stream = new Stream(PATH);
    show();
    const found = await logs();
    stream.say(
      'lines',
      Array.from({ length: 3000 }, (_, index) => line(`line ${index}`)),
    );
    expect(await found.findByText('line 2999')).toBeVisible();
    expect(found.queryByText('line 999')).toBeNull();
    expect(found.getByText('line 1000')).toBeVisible();
  });

  it('are said to be none', async () => {
    const stream = new Stream(PATH);
    show();
    const found = await logs();
    expect(await found.findByText(/Lines are shown as they come/)).toBeVisible();
    stream.say('end', {});
    expect(await found.findByText(NOTHING)).toBeVisible();
    await expectAccessible();
  });

  it('say why there are no more, and are asked for again', async () => {
    const stream = new Stream(PATH);
    show();
    const found = await logs();
    stream.say('lines', [line('before')]);
    stream.say('error', {
      code: 'cluster-refused',
      message: 'The logs of the pod db-0 cannot be read.',
      hint: 'Its node does not hand them out; pods on simulated nodes write nothing.',
      error_id: 'e-1',
    });
    const alert = await found.findByRole('alert');
    expect(alert).toHaveTextContent('pods on simulated nodes write nothing');
    expect(found.getByText('before')).toBeVisible();
    await expectAccessible();
    await userEvent.click(found.getByRole('button', { name: 'Refresh' }));
    await waitFor(() => {
      expect(found.queryByRole('alert')).toBeNull();
    });
    expect(stream.opened).toHaveLength(2);
  });

  it('say why they are refused', async () => {
    new Stream(PATH).refuse = () =>
      refusal(503, 'too-many-streams', 'Too many logs are followed.', 'Ask without follow.');
    server.use(http.get(PATH, () => refusal(503, 'cluster-unavailable', 'It does not answer.')));
    show();
    const found = await logs();
    expect(await found.findByRole('alert')).toHaveTextContent('Too many logs are followed.');
    await userEvent.click(found.getByRole('switch', { name: 'Follow' }));
    expect(await found.findByText('It does not answer.')).toBeVisible();
  });

  it('are read anew once the store has changed', async () => {
    const changes = new Stream();
    const stream = new Stream(PATH);
    show();
    const found = await logs();
    stream.say('end', {});
    await found.findByText(NOTHING);
    changes.tell({
      event: event({ id: 9 }),
      store: store({ status: 'updating', updated_at: '2026-01-01T11:00:00.000000Z' }),
    });
    await waitFor(() => {
      expect(stream.opened).toHaveLength(2);
    });
    stream.say('lines', [line('started')]);
    expect(await found.findByText('started')).toBeVisible();
  });

  it('are not for viewers', async () => {
    server.use(http.get('/api/me', () => ok({ ...operator, role: 'viewer' })));
    show();
    expect(await screen.findByRole('region', { name: 'About' })).toBeVisible();
    expect(screen.queryByRole('tab')).toBeNull();
  });
});
