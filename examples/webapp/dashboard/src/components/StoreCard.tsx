import { ActionIcon, Anchor, Button, Tooltip } from '@mantine/core';
import { IconExternalLink, IconRefresh, IconTrash } from '@tabler/icons-react';
import { memo } from 'react';
import { Link } from 'react-router';
import type { Store, StoreType } from '../api/model';
import { ago, duration, moment } from '../format';
import { useNow } from '../hooks/useNow';
import { isSafeUrl, mayRetry, readyAfter } from '../rules';
import { stepsOf } from '../steps';
import { StatusBadge } from './StatusBadge';
import { StepBar, StepList } from './Steps';
import classes from './StoreCard.module.css';
import { TypeIcon } from './TypeIcon';

export interface StoreActions {
  onDelete: (store: Store) => void;
  onRetry: (store: Store) => void;
  /** Whether the role may change stores. */
  writable: boolean;
}

export interface StoreCardProps extends StoreActions {
  store: Store;
  type: StoreType | undefined;
}

export const StoreCard = memo(function StoreCard({ store, type, ...actions }: StoreCardProps) {
  const steps = stepsOf(
    store,
    type?.steps.map((each) => each.condition),
  );
  return (
    <article className={classes.card} aria-labelledby={`name-${store.id}`}>
      <header className={classes.head}>
        <TypeIcon type={store.type} />
        <div className={classes.title}>
          <h2 className={classes.name} id={`name-${store.id}`}>
            <Link className={classes.link} to={`/stores/${store.id}`} title={store.name}>
              {store.name}
            </Link>
          </h2>
          <div className={classes.type}>{type?.title ?? store.type}</div>
        </div>
        <StatusBadge status={store.status} />
      </header>
      <div className={classes.body}>
        {steps.length > 0 && <StepBar steps={steps} status={store.status} />}
        <Progress store={store} steps={steps} />
        <Facts store={store} />
      </div>
      <Actions store={store} {...actions} />
    </article>
  );
});

function Progress({ store, steps }: { store: Store; steps: ReturnType<typeof stepsOf> }) {
  const settled = store.status === 'ready' || store.status === 'failed';
  return (
    <>
      {!settled && store.status !== 'degraded' && <StepList steps={steps} />}
      {store.fault && (
        <div className={classes.fault} data-mild={store.status === 'failed' ? undefined : true}>
          <div className={classes.clamp}>
            {store.fault.message} {store.fault.hint}
          </div>
        </div>
      )}
    </>
  );
}

function Facts({ store }: { store: Store }) {
  const took = readyAfter(store);
  return (
    <dl className={classes.facts}>
      <dt>Address</dt>
      <dd>
        {isSafeUrl(store.url) ? (
          <Anchor
            className={classes.above}
            href={store.url}
            target="_blank"
            rel="noreferrer"
            fz={13}
          >
            {store.host}
          </Anchor>
        ) : (
          <span title={store.host}>{store.host}</span>
        )}
      </dd>
      <dt>Namespace</dt>
      <dd title={store.namespace}>{store.namespace}</dd>
      <dt>Created</dt>
      <dd>
        <Ago at={store.created_at} />
      </dd>
      {took !== null && (
        <>
          <dt>Took</dt>
          <dd>{duration(took)}</dd>
        </>
      )}
    </dl>
  );
}

function Ago({ at }: { at: string }) {
  return (
    <time dateTime={at} title={moment(at)}>
      {ago(at, useNow())}
    </time>
  );
}

function Actions({ store, onDelete, onRetry, writable }: StoreActions & { store: Store }) {
  return (
    <footer className={`${classes.foot ?? ''} ${classes.above ?? ''}`}>
      {isSafeUrl(store.url) && store.status !== 'deleting' && (
        <Button
          component="a"
          href={store.url}
          target="_blank"
          rel="noreferrer"
          size="xs"
          variant="default"
          leftSection={<IconExternalLink size={14} aria-hidden />}
          aria-label={`Open Store ${store.name}`}
        >
          Open Store
        </Button>
      )}
      {writable && mayRetry(store) && (
        <Button
          size="xs"
          variant="light"
          leftSection={<IconRefresh size={14} aria-hidden />}
          onClick={() => {
            onRetry(store);
          }}
          aria-label={`Retry ${store.name}`}
        >
          Retry
        </Button>
      )}
      {writable && store.status !== 'deleting' && (
        <Tooltip label="Delete" withArrow>
          <ActionIcon
            className={classes.delete}
            variant="subtle"
            color="gray"
            size={30}
            onClick={() => {
              onDelete(store);
            }}
            aria-label={`Delete ${store.name}`}
          >
            <IconTrash size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
      )}
    </footer>
  );
}
