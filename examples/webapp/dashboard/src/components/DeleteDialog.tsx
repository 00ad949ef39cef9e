import { Button, Code, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { type SubmitEvent, useState } from 'react';
import { useDeleteStore } from '../api/queries';
import type { Store } from '../api/model';
import { ErrorNote } from './ErrorNote';

/** Asks for the name, because what is deleted cannot be brought back. */
export function DeleteDialog({ store, onClose }: { store: Store | null; onClose: () => void }) {
  return (
    <Modal opened={store !== null} onClose={onClose} title={store ? `Delete ${store.name}?` : ''}>
      {store && <Confirm store={store} onDone={onClose} />}
    </Modal>
  );
}

function Confirm({ store, onDone }: { store: Store; onDone: () => void }) {
  const [typed, setTyped] = useState('');
  const remove = useDeleteStore();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (typed !== store.name) return;
    remove.mutate(store, {
      onSuccess: () => {
        notifications.show({ message: `${store.name} is being deleted.` });
        onDone();
      },
    });
  };
  return (
    <form onSubmit={submit}>
      <Stack>
        <Text size="sm">
          The store, its database and everything in its namespace are removed. Orders and products
          cannot be brought back.
        </Text>
        <TextInput
          label={
            <>
              Type <Code fz="sm">{store.name}</Code> to confirm
            </>
          }
          value={typed}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
          }}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          data-autofocus
        />
        {remove.isError && <ErrorNote error={remove.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button
            type="submit"
            color="red.8"
            disabled={typed !== store.name}
            loading={remove.isPending}
          >
            Delete store
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
