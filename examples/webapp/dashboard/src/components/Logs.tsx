import { Button, Group, Select, Skeleton, Stack, Switch, Text } from '@mantine/core';
import { IconRefresh } from '@tabler/icons-react';
import { useState } from 'react';
import type { Store } from '../api/model';
import { useLastLogs } from '../api/queries';
import { useFollowedLogs } from '../live/useFollowedLogs';
import { type NumberedLine, sourceOf, sourcesOf } from '../logs';
import { ErrorNote } from './ErrorNote';
import { LogLines } from './LogLines';
import classes from './Logs.module.css';

const NONE: readonly NumberedLine[] = [];

/** What the containers of a store write: as they write it, or the last lines of each. */
export function Logs({ store }: { store: Store }) {
  const [follow, setFollow] = useState(true);
  const [source, setSource] = useState<string | null>(null);
  const followed = useFollowedLogs(store, follow);
  const last = useLastLogs(store.id, !follow);

  const lines = follow ? followed.lines : (last.data ?? NONE);
  const error = follow ? followed.error : last.error;
  const pending = follow ? followed.phase === 'opening' : last.isFetching;
  const ended = !follow || followed.phase === 'ended';
  const shown = source === null ? lines : lines.filter((line) => sourceOf(line) === source);
  const sources = sourcesOf(lines);
  if (source !== null && !sources.includes(source)) sources.push(source);
  return (
    <Stack gap="sm">
      <Group gap="md">
        <Select
          className={classes.source ?? ''}
          aria-label="Container"
          placeholder="All containers"
          data={sources}
          value={source}
          onChange={setSource}
          clearable
          searchable
        />
        <Switch
          label="Follow"
          checked={follow}
          onChange={(event) => {
            setFollow(event.currentTarget.checked);
          }}
        />
        {(ended || error) && (
          <Button
            size="xs"
            variant="default"
            loading={pending}
            leftSection={<IconRefresh size={14} aria-hidden />}
            onClick={() => {
              if (follow) followed.again();
              else void last.refetch();
            }}
          >
            Refresh
          </Button>
        )}
      </Group>
      {error && <ErrorNote error={error} />}
      {shown.length > 0 && <LogLines lines={shown} sources={source === null} />}
      {shown.length === 0 && pending && (
        <Skeleton h={200} role="status" aria-label="Loading the logs" />
      )}
      {!error && !pending && (
        <Text size="sm" c="dimmed" role="status">
          {remarkOf(shown, source, ended)}
        </Text>
      )}
    </Stack>
  );
}

/** What is to be said where there are no lines, or no more. */
function remarkOf(lines: readonly NumberedLine[], source: string | null, ended: boolean) {
  if (lines.length > 0) return null;
  if (source !== null) return 'Nothing that this container wrote is here.';
  if (ended) return 'No container of the store has written anything yet.';
  return 'Nothing has been written yet. Lines are shown as they come.';
}
