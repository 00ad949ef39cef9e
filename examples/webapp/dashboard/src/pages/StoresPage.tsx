import { Button, EmptyState, Group, SimpleGrid, Skeleton, Stack, Title } from '@mantine/core';
import { useDocumentTitle, useHotkeys } from '@mantine/hooks';
import { IconBuildingStore, IconPlus, IconSearchOff } from '@tabler/icons-react';
import { useCallback, useDeferredValue, useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';
import type { Store } from '../api/model';
import { useStores, useTypes } from '../api/queries';
import { CreateDialog } from '../components/CreateDialog';
import { DeleteDialog } from '../components/DeleteDialog';
import { ErrorNote } from '../components/ErrorNote';
import { StoreGrid } from '../components/StoreGrid';
import { Toolbar } from '../components/Toolbar';
import { useStoreActions } from '../hooks/useStoreActions';
import { select, type Selection, selectionOf } from './select';

const NO_TYPES: ReadonlyMap<string, never> = new Map<string, never>();

export function StoresPage() {
  useDocumentTitle('Stores · storeorch');
  const stores = useStores();
  const [creating, setCreating] = useState(false);
  const [deleting, setDeleting] = useState<Store | null>(null);
  const { onRetry, writable } = useStoreActions();
  useHotkeys([
    [
      'n',
      () => {
        if (writable) setCreating(true);
      },
    ],
  ]);

  const create = (
    <Button
      leftSection={<IconPlus size={16} aria-hidden />}
      onClick={() => {
        setCreating(true);
      }}
    >
      New store
    </Button>
  );
  return (
    <Stack gap="md">
      <Group justify="space-between">
        <Title order={1} size="h2">
          Stores
        </Title>
        {writable && create}
      </Group>
      {stores.isPending && <Loading />}
      {stores.isError && !stores.data && <Failed error={stores.error} retry={stores.refetch} />}
      {stores.data?.length === 0 && (
        <EmptyState
          py={80}
          icon={<IconBuildingStore size={40} stroke={1.4} aria-hidden />}
          title="No stores yet"
          description="A store has its own namespace, database and address. It is ready in about a minute."
        >
          {writable && create}
        </EmptyState>
      )}
      {stores.data !== undefined && stores.data.length > 0 && (
        <Found stores={stores.data} onDelete={setDeleting} onRetry={onRetry} writable={writable} />
      )}
      <CreateDialog
        opened={creating}
        onClose={() => {
          setCreating(false);
        }}
      />
      <DeleteDialog
        store={deleting}
        onClose={() => {
          setDeleting(null);
        }}
      />
    </Stack>
  );
}

interface FoundProps {
  stores: readonly Store[];
  onDelete: (store: Store) => void;
  onRetry: (store: Store) => void;
  writable: boolean;
}

function Found({ stores, ...actions }: FoundProps) {
  const types = useTypes().data ?? NO_TYPES;
  const [params, setParams] = useSearchParams();
  const selection = useMemo(() => selectionOf(params), [params]);
  const deferred = useDeferredValue(selection);
  const { shown, counts, matching } = useMemo(() => select(stores, deferred), [stores, deferred]);

  const change = useCallback(
    (changed: Partial<Selection>) => {
      setParams(
        (before) => {
          const next = new URLSearchParams(before);
          for (const [key, value] of Object.entries(changed)) {
            if (value === '' || value === null) next.delete(key);
            else next.set(key, value);
          }
          return next;
        },
        { replace: true, preventScrollReset: true },
      );
    },
    [setParams],
  );

  return (
    <>
      <Toolbar
        selection={selection}
        onChange={change}
        counts={counts}
        matching={matching}
        types={types}
      />
      {shown.length > 0 ? (
        <StoreGrid stores={shown} types={types} {...actions} />
      ) : (
        <EmptyState
          py={64}
          icon={<IconSearchOff size={40} stroke={1.4} aria-hidden />}
          title="No store fits"
          description="Try another word, or show all of them."
        >
          <Button
            variant="default"
            onClick={() => {
              change({ search: '', status: null, type: null });
            }}
          >
            Show all
          </Button>
        </EmptyState>
      )}
    </>
  );
}

function Loading() {
  return (
    <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} role="status" aria-label="Loading the stores">
      {['a', 'b', 'c', 'd', 'e', 'f'].map((each) => (
        <Skeleton key={each} h={220} radius={12} />
      ))}
    </SimpleGrid>
  );
}

function Failed({ error, retry }: { error: Error; retry: () => unknown }) {
  return (
    <Stack align="flex-start">
      <ErrorNote error={error} />
      <Button variant="default" onClick={() => void retry()}>
        Try again
      </Button>
    </Stack>
  );
}
