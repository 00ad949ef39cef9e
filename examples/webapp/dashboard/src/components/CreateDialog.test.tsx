import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http } from 'msw';
import { describe, expect, it, vi } from 'vitest';
import { store } from '../test/data';
import { expectAccessible, renderInside } from '../test/render';
import { ok, refusal, server } from '../test/server';
import { CreateDialog } from './CreateDialog';

interface Sent {
  body: unknown;
  key: string | null;
}

function takeDeclarations(): Sent[] {
  const sent: Sent[] = [];
  server.use(
    http.post('/api/stores', async ({ request }) => {
      sent.push({ body: await request.json(), key: request.headers.get('Idempotency-Key') });
      return ok(store());
    }),
  );
  return sent;
}

async function open() {
  const onClose = vi.fn();
  renderInside(<CreateDialog opened onClose={onClose} />);
  const dialog = within(await screen.findByRole('dialog', { name: 'New store' }));
  await dialog.findByRole('textbox', { name: 'Name' });
  return { dialog, onClose };
}

describe('the dialog for a new store', () => {
  it('sends the name and the type, and nothing that was not changed', async () => {
    const sent = takeDeclarations();
    const { dialog, onClose } = await open();
    expect(dialog.getByRole('textbox', { name: 'Name' })).toHaveFocus();
    await userEvent.keyboard('my-store{Enter}');
    await waitFor(() => {
      expect(onClose).toHaveBeenCalled();
    });
    expect(sent.map((each) => each.body)).toEqual([
      { name: 'my-store', type: 'woocommerce', parameters: {} },
    ]);
    expect(sent[0]?.key).toMatch(/^[0-9a-f]{32}$/);
  });

  it('makes the form of a type it has never heard of', async () => {
    const sent = takeDeclarations();
    const { dialog } = await open();
    await userEvent.click(dialog.getByRole('radio', { name: 'Kiosk' }));
    await userEvent.type(dialog.getByRole('textbox', { name: 'Name' }), 'corner');
    await userEvent.type(await dialog.findByRole('textbox', { name: /Motto/ }), 'Hello');
    await userEvent.click(dialog.getByRole('checkbox', { name: /Open at night/ }));
    await expectAccessible();
    await userEvent.click(dialog.getByRole('button', { name: 'Create store' }));
    await waitFor(() => {
      expect(sent.map((each) => each.body)).toEqual([
        { name: 'corner', type: 'kiosk', parameters: { motto: 'Hello', open: true } },
      ]);
    });
  });

  it('tells as one types what a name may be', async () => {
    const sent = takeDeclarations();
    const { dialog } = await open();
    const name = dialog.getByRole('textbox', { name: 'Name' });
    await userEvent.type(name, 'My');
    expect(await dialog.findByText(/Lower-case letters/)).toBeVisible();
    expect(name).toBeInvalid();
    await userEvent.keyboard('{Enter}');
    expect(sent).toEqual([]);
    await userEvent.clear(name);
    expect(dialog.getByText('A name is needed.')).toBeVisible();
  });

  it('tells as one types what the schema says', async () => {
    const { dialog } = await open();
    const field = dialog.getByRole('textbox', { name: /Storage Class/ });
    await userEvent.type(field, 'Not so');
    await waitFor(() => {
      expect(field).toHaveAccessibleDescription(/This has not the expected form\./);
    });
    expect(field).toBeInvalid();
  });

  it('tells as one types what only the server knows', async () => {
    server.use(
      http.post('/api/stores/validate', async ({ request }) => {
        const { name } = (await request.json()) as { name?: string };
        const problems = [
          {
            field: ['parameters', 'mysql', 'replicas'],
            code: 'invalid-parameters',
            message: 'Only odd numbers are possible.',
            hint: null,
          },
        ];
        if (name === 'taken') {
          const message = 'A store named taken exists already.';
          problems.push({ field: ['name'], code: 'name-taken', message, hint: null });
        }
        return ok({ valid: false, problems });
      }),
    );
    const { dialog } = await open();
    await userEvent.type(dialog.getByRole('textbox', { name: 'Name' }), 'taken');
    expect(await dialog.findByText('A store named taken exists already.')).toBeVisible();
    expect(dialog.getByText('1 problem')).toBeVisible();
    await userEvent.click(dialog.getByRole('button', { name: /Mysql/ }));
    expect(await dialog.findByRole('textbox', { name: /Replicas/ })).toHaveAccessibleDescription(
      /Only odd numbers are possible\./,
    );
  });

  it('shows why the server refuses, and sends the same again under the same key', async () => {
    const keys: (string | null)[] = [];
    server.use(
      http.post('/api/stores', ({ request }) => {
        keys.push(request.headers.get('Idempotency-Key'));
        return refusal(429, 'owner-limit', 'You have 20 stores.', 'Delete one first.');
      }),
    );
    const { dialog, onClose } = await open();
    await userEvent.type(dialog.getByRole('textbox', { name: 'Name' }), 'shirts{Enter}');
    expect(await dialog.findByRole('alert')).toHaveTextContent('You have 20 stores.');
    expect(dialog.getByRole('alert')).toHaveTextContent('Delete one first.');
    await userEvent.click(dialog.getByRole('button', { name: 'Create store' }));
    await waitFor(() => {
      expect(keys).toHaveLength(2);
    });
    expect(keys[0]).toBe(keys[1]);
    expect(onClose).not.toHaveBeenCalled();
  });
});
