import { Button, Group, Radio, SimpleGrid, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { type SubmitEvent, useEffect, useMemo, useRef, useState } from 'react';
import { useCreateStore, useTypes } from '../api/queries';
import type { Problem, StoreType } from '../api/model';
import { changes, complete, type Parameters, shown } from '../form/parameters';
import { ParameterForm } from '../form/ParameterForm';
import { useChecked } from '../form/useChecked';
import { nameProblem } from '../rules';
import classes from './Form.module.css';
import { ErrorNote } from './ErrorNote';
import { TypeIcon } from './TypeIcon';

/** The form of a new store. */
export function CreateForm({ onDone }: { onDone: () => void }) {
  const types = useTypes();
  if (types.isPending) return <Skeleton h={240} />;
  if (types.isError) return <ErrorNote error={types.error} />;
  return <Fields types={types.data} onDone={onDone} />;
}

function Fields({ types, onDone }: { types: ReadonlyMap<string, StoreType>; onDone: () => void }) {
  const [name, setName] = useState('');
  const [named, setNamed] = useState(false);
  const [typeName, setTypeName] = useState(() => [...types.keys()][0] ?? '');
  const [data, setData] = useState<Record<string, Parameters>>({});
  const nameInput = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // The form comes after the dialog, which then has given the focus away already.
    nameInput.current?.focus();
  }, []);
  const create = useCreateStore();
  const key = useIdempotencyKey();

  const type = types.get(typeName);
  const schema = useMemo(() => type && shown(type.schema), [type]);
  const defaults = useMemo(() => (schema ? complete(schema) : {}), [schema]);
  const current = data[typeName] ?? defaults;
  const parameters = useMemo(
    () => (schema ? changes(schema, defaults, current) : {}),
    [schema, defaults, current],
  );
  const draft = useMemo(() => ({ name, type: typeName, parameters }), [name, typeName, parameters]);
  const problems = useChecked(draft, !create.isPending && !create.isSuccess);
  const nameError = nameProblem(name) ?? problemOf(problems, name);

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    setNamed(true);
    if (nameProblem(name) !== null) return;
    create.mutate(
      { draft, key: key(draft) },
      {
        onSuccess: () => {
          notifications.show({ message: `${name} is being created.`, color: 'green' });
          onDone();
        },
      },
    );
  };

  return (
    <form onSubmit={submit} noValidate>
      <Stack gap="lg">
        <TypeChoice types={types} value={typeName} onChange={setTypeName} />
        <TextInput
          ref={nameInput}
          label="Name"
          description="Its address, namespace and release are named after it."
          placeholder="my-store"
          data-autofocus
          required
          withAsterisk={false}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          value={name}
          onChange={(event) => {
            setName(event.currentTarget.value);
            setNamed(true);
          }}
          error={named ? nameError : null}
        />
        {schema && Object.keys(schema.properties ?? {}).length > 0 && (
          <Stack gap="xs">
            <Text fw={600} size="sm">
              Parameters
            </Text>
            <ParameterForm
              key={typeName}
              schema={schema}
              data={current}
              problems={problems}
              onChange={(changed) => {
                setData((before) => ({ ...before, [typeName]: changed }));
              }}
            />
          </Stack>
        )}
        {create.isError && <ErrorNote error={create.error} />}
        <Group justify="flex-end" className={classes.foot ?? ''}>
          <Button variant="default" onClick={onDone}>
            Cancel
          </Button>
          <Button type="submit" loading={create.isPending} disabled={typeName === ''}>
            Create store
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function TypeChoice({
  types,
  value,
  onChange,
}: {
  types: ReadonlyMap<string, StoreType>;
  value: string;
  onChange: (type: string) => void;
}) {
  return (
    <Radio.Group label="Type" value={value} onChange={onChange}>
      <SimpleGrid cols={{ base: 1, xs: 2 }} spacing="sm" mt={6}>
        {[...types.values()].map((type) => (
          <Radio.Card
            key={type.name}
            value={type.name}
            className={classes.type ?? ''}
            aria-label={type.title}
          >
            <Group wrap="nowrap" gap="sm" align="flex-start">
              <TypeIcon type={type.name} size={32} />
              <div>
                <Text size="sm" fw={600}>
                  {type.title}
                </Text>
                <Text size="xs" c="dimmed">
                  {type.description}
                </Text>
              </div>
            </Group>
          </Radio.Card>
        ))}
      </SimpleGrid>
    </Radio.Group>
  );
}

/** What the server said of the name. */
function problemOf(problems: readonly Problem[], name: string): string | null {
  const found = problems.find((each) => each.field[0] === 'name');
  return found && name !== '' ? found.message : null;
}

/** One key for each declaration, so that sending it twice creates one store. */
function useIdempotencyKey(): (draft: object) => string {
  const last = useRef({ draft: '', key: '' });
  return (draft) => {
    const text = JSON.stringify(draft);
    if (last.current.draft !== text) {
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      last.current = {
        draft: text,
        key: [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
      };
    }
    return last.current.key;
  };
}
