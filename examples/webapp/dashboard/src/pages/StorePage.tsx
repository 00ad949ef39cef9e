import { Anchor, Button, Group, Skeleton, Stack, Tabs, Text, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import {
  IconArrowLeft,
  IconExternalLink,
  IconPencil,
  IconRefresh,
  IconTrash,
} from '@tabler/icons-react';
import { useState } from 'react';
import { Link, useParams, useSearchParams } from 'react-router';
import type { Store, StoreType } from '../api/model';
import { useHistory, useStores, useTypes } from '../api/queries';
import { ConditionList } from '../components/ConditionList';
import { Credentials } from '../components/Credentials';
import { DeleteDialog } from '../components/DeleteDialog';
import detail from '../components/Details.module.css';
import { EditDialog } from '../components/EditDialog';
import { ErrorNote } from '../components/ErrorNote';
import { Fault } from '../components/Fault';
import { History } from '../components/History';
import { Logs } from '../components/Logs';
import { Panel } from '../components/Panel';
import { StatusBadge } from '../components/StatusBadge';
import { TypeIcon } from '../components/TypeIcon';
import { flatten, moment } from '../format';
import { useStoreActions } from '../hooks/useStoreActions';
import { isSafeUrl, mayRetry } from '../rules';
import { stepsOf } from '../steps';
import { NotFoundPage } from './NotFoundPage';

export function StorePage() {
  const { id = '' } = useParams();
  const stores = useStores();
  const types = useTypes();
  const store = stores.data?.find((each) => each.id === id);
  useDocumentTitle(`${store?.name ?? 'Store'} · storeorch`);
  return (
    <Stack gap="lg">
      <Anchor component={Link} to="/" size="sm" c="dimmed" w="fit-content">
        <Group gap={4} component="span">
          <IconArrowLeft size={15} aria-hidden /> All stores
        </Group>
      </Anchor>
      {stores.isPending && <Skeleton h={300} radius={12} role="status" aria-label="Loading" />}
      {stores.isError && !stores.data && <ErrorNote error={stores.error} />}
      {stores.data && store && <Details store={store} type={types.data?.get(store.type)} />}
      {stores.data && !store && <Gone id={id} />}
    </Stack>
  );
}

/** A store that is gone still has its history; an id that never was one has none. */
function Gone({ id }: { id: string }) {
  const history = useHistory(id);
  if (history.isPending) return <Skeleton h={200} role="status" aria-label="Loading" />;
  const last = history.data?.at(-1);
  if (!last) return <NotFoundPage />;
  return (
    <>
      <Group>
        <Title order={1} size="h2">
          {last.store_name}
        </Title>
        <StatusBadge status="gone" />
      </Group>
      <Panel title="History">
        <History storeId={id} />
      </Panel>
    </>
  );
}

interface DetailsProps {
  store: Store;
  type: StoreType | undefined;
}

function Details({ store, type }: DetailsProps) {
  const { writable } = useStoreActions();
  const [query, setQuery] = useSearchParams();
  const tab = writable && query.get('tab') === 'logs' ? 'logs' : 'overview';
  return (
    <>
      <Head store={store} type={type} />
      {store.fault && <Fault fault={store.fault} failed={store.status === 'failed'} />}
      <Tabs
        keepMounted={false}
        value={tab}
        onChange={(chosen) => {
          setQuery(chosen === 'logs' ? { tab: chosen } : {}, { replace: true });
        }}
      >
        <Tabs.List mb="md" display={writable ? 'flex' : 'none'}>
          <Tabs.Tab value="overview">Overview</Tabs.Tab>
          <Tabs.Tab value="logs">Logs</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="overview">
          <Overview store={store} type={type} />
        </Tabs.Panel>
        <Tabs.Panel value="logs">
          <Panel title="Logs">
            <Logs store={store} />
          </Panel>
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function Overview({ store, type }: DetailsProps) {
  const [editing, setEditing] = useState(false);
  const steps = stepsOf(
    store,
    type?.steps.map((each) => each.condition),
  );
  const { writable } = useStoreActions();
  const editable = writable && type !== undefined && store.status !== 'deleting';
  return (
    <>
      <div className={detail.columns}>
        <div className={detail.stack}>
          <Panel title="Steps">
            <ConditionList steps={steps} />
          </Panel>
          <Panel title="History">
            <History storeId={store.id} />
          </Panel>
        </div>
        <div className={detail.stack}>
          <Panel title="About">
            <About store={store} />
          </Panel>
          <Panel
            title="Parameters"
            action={
              editable && (
                <Button
                  size="compact-xs"
                  variant="default"
                  leftSection={<IconPencil size={13} aria-hidden />}
                  onClick={() => {
                    setEditing(true);
                  }}
                  aria-label="Change the parameters"
                >
                  Change
                </Button>
              )
            }
          >
            <Parameters store={store} />
          </Panel>
          {writable && (
            <Panel title="Credentials">
              <Credentials storeId={store.id} />
            </Panel>
          )}
        </div>
      </div>
      {type && (
        <EditDialog
          store={store}
          type={type}
          opened={editing}
          onClose={() => {
            setEditing(false);
          }}
        />
      )}
    </>
  );
}

function Head({ store, type }: DetailsProps) {
  const [deleting, setDeleting] = useState(false);
  const { onRetry, writable } = useStoreActions();
  return (
    <Group justify="space-between">
      <Group gap="md">
        <TypeIcon type={store.type} size={44} />
        <div>
          <Group gap="sm">
            <Title order={1} size="h2">
              {store.name}
            </Title>
            <StatusBadge status={store.status} />
          </Group>
          <Text size="sm" c="dimmed">
            {type?.title ?? store.type}
          </Text>
        </div>
      </Group>
      <Group gap="xs">
        {isSafeUrl(store.url) && store.status !== 'deleting' && (
          <Button
            component="a"
            href={store.url}
            target="_blank"
            rel="noreferrer"
            leftSection={<IconExternalLink size={16} aria-hidden />}
          >
            Open Store
          </Button>
        )}
        {writable && mayRetry(store) && (
          <Button
            variant="light"
            leftSection={<IconRefresh size={16} aria-hidden />}
            onClick={() => {
              onRetry(store);
            }}
          >
            Retry
          </Button>
        )}
        {writable && store.status !== 'deleting' && (
          <Button
            variant="default"
            c="light-dark(var(--mantine-color-red-9), var(--mantine-color-red-4))"
            leftSection={<IconTrash size={16} aria-hidden />}
            onClick={() => {
              setDeleting(true);
            }}
          >
            Delete
          </Button>
        )}
      </Group>
      <DeleteDialog
        store={deleting ? store : null}
        onClose={() => {
          setDeleting(false);
        }}
      />
    </Group>
  );
}

function About({ store }: { store: Store }) {
  const facts: [string, string | null][] = [
    ['Namespace', store.namespace],
    ['Release', store.helm_release],
    ['Created', moment(store.created_at)],
    ['Last ready', store.ready_at && moment(store.ready_at)],
    ['Changed', moment(store.updated_at)],
    ['Declarations', String(store.generation)],
    ['Id', store.id],
  ];
  return (
    <dl className={detail.pairs}>
      <dt>Address</dt>
      <dd>
        {isSafeUrl(store.url) ? (
          <Anchor href={store.url} target="_blank" rel="noreferrer" fz="inherit">
            {store.url}
          </Anchor>
        ) : (
          store.host
        )}
      </dd>
      {facts.map(([key, value]) =>
        value === null ? null : (
          <div key={key} style={{ display: 'contents' }}>
            <dt>{key}</dt>
            <dd>{value}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

function Parameters({ store }: { store: Store }) {
  const rows = flatten(store.parameters);
  if (rows.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        All as the type has them.
      </Text>
    );
  }
  return (
    <dl className={detail.pairs}>
      {rows.map(([key, value]) => (
        <div key={key} style={{ display: 'contents' }}>
          <dt>{key}</dt>
          <dd>
            <code>{value}</code>
          </dd>
        </div>
      ))}
    </dl>
  );
}
