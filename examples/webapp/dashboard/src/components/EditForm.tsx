import { Button, Group, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { type SubmitEvent, useMemo, useState } from 'react';
import { useUpdateStore } from '../api/queries';
import type { Store, StoreType } from '../api/model';
import { changes, complete, shown } from '../form/parameters';
import { ParameterForm } from '../form/ParameterForm';
import classes from './Form.module.css';
import { ErrorNote } from './ErrorNote';

/** The form of a store's parameters. */
export function EditForm({
  store,
  type,
  onDone,
}: {
  store: Store;
  type: StoreType;
  onDone: () => void;
}) {
  const schema = useMemo(() => shown(type.schema), [type]);
  // As it was when the dialog was opened: a change by someone else must not move the fields.
  const [base] = useState(() => complete(schema, store.parameters));
  const [data, setData] = useState(base);
  const changed = useMemo(() => changes(schema, base, data), [schema, base, data]);
  const untouched = Object.keys(changed).length === 0;
  const update = useUpdateStore();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    update.mutate(
      { id: store.id, parameters: changed },
      {
        onSuccess: () => {
          notifications.show({ message: `${store.name} is being updated.` });
          onDone();
        },
      },
    );
  };
  return (
    <form onSubmit={submit} noValidate>
      <Stack>
        <Text size="sm" c="dimmed">
          The store is updated in place; what runs is replaced step by step.
        </Text>
        <ParameterForm schema={schema} data={data} onChange={setData} problems={[]} />
        {update.isError && <ErrorNote error={update.error} />}
        <Group justify="flex-end" className={classes.foot ?? ''}>
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" disabled={untouched} loading={update.isPending}>
            Update store
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
