import { Button, Center, Code, Skeleton, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { useHistory } from '../api/queries';
import type { StoreEvent } from '../api/model';
import { duration, moment, shortMoment } from '../format';
import { useNow } from '../hooks/useNow';
import classes from './Details.module.css';
import { ErrorNote } from './ErrorNote';

/** Events that are shown at first, and how many more each time. */
const PAGE = 50;

/** All that has happened to a store, newest first; it outlives the store. */
export function History({ storeId }: { storeId: string }) {
  const history = useHistory(storeId);
  const [shown, setShown] = useState(PAGE);
  if (history.isPending) {
    return (
      <Stack gap="xs" aria-label="Loading" role="status">
        <Skeleton h={18} />
        <Skeleton h={18} w="80%" />
        <Skeleton h={18} w="60%" />
      </Stack>
    );
  }
  if (history.isError) return <ErrorNote error={history.error} />;
  const events = history.data;
  if (events.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        Nothing has happened yet.
      </Text>
    );
  }
  return (
    <>
      <ol className={classes.events}>
        {events
          .slice(-shown)
          .toReversed()
          .map((event) => (
            <Entry key={event.id} event={event} />
          ))}
      </ol>
      {events.length > shown && (
        <Center>
          <Button
            variant="default"
            size="xs"
            onClick={() => {
              setShown(shown + PAGE);
            }}
          >
            Show older events
          </Button>
        </Center>
      )}
    </>
  );
}

function Entry({ event }: { event: StoreEvent }) {
  const about = [
    event.step,
    event.duration === null ? null : duration(event.duration),
    // A worker's name says nothing to users; a person's does.
    event.kind === 'declared' || event.kind === 'access' ? `by ${event.actor}` : null,
  ].filter((each) => each !== null);
  return (
    <li className={classes.event} data-kind={event.kind} data-status={event.status ?? undefined}>
      <span className={classes.bullet} aria-hidden />
      <div className={classes.text}>
        <div>{event.message}</div>
        {(about.length > 0 || event.error_id !== null) && (
          <div className={classes.meta}>
            {about.join(' · ')}
            {event.error_id !== null && (
              <>
                {about.length > 0 && ' · '}error <Code fz={11}>{event.error_id}</Code>
              </>
            )}
          </div>
        )}
      </div>
      <time className={classes.time} dateTime={event.at} title={moment(event.at)}>
        {shortMoment(event.at, useNow())}
      </time>
    </li>
  );
}
