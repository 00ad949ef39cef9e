import { ActionIcon, Button, CopyButton, Group, Stack, Text, Tooltip } from '@mantine/core';
import { IconCheck, IconCopy, IconEye, IconEyeOff } from '@tabler/icons-react';
import { useCredentials } from '../api/queries';
import { ErrorNote } from './ErrorNote';
import classes from './Details.module.css';

/** Shown once asked for; who asked is recorded by the server. */
export function Credentials({ storeId }: { storeId: string }) {
  const credentials = useCredentials();
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed">
        Who asks for them is recorded in the store’s history.
      </Text>
      {credentials.data && (
        <dl className={classes.pairs}>
          {credentials.data.admin && (
            <Secret name="administrator" value={credentials.data.admin.username} />
          )}
          {Object.entries(credentials.data.values).map(([key, value]) => (
            <Secret key={key} name={key} value={value} />
          ))}
        </dl>
      )}
      {credentials.isError && <ErrorNote error={credentials.error} />}
      <Group>
        {credentials.data ? (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconEyeOff size={14} aria-hidden />}
            onClick={() => {
              credentials.reset();
            }}
          >
            Hide
          </Button>
        ) : (
          <Button
            size="xs"
            variant="default"
            loading={credentials.isPending}
            leftSection={<IconEye size={14} aria-hidden />}
            onClick={() => {
              credentials.mutate(storeId);
            }}
          >
            Show credentials
          </Button>
        )}
      </Group>
    </Stack>
  );
}

function Secret({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className={classes.secret}>
        <code>{value}</code>
        <CopyButton value={value}>
          {({ copied, copy }) => (
            <Tooltip label={copied ? 'Copied' : 'Copy'}>
              <ActionIcon
                size="sm"
                variant="subtle"
                color={copied ? 'green' : 'gray'}
                onClick={copy}
                aria-label={`Copy ${name}`}
              >
                {copied ? <IconCheck size={14} aria-hidden /> : <IconCopy size={14} aria-hidden />}
              </ActionIcon>
            </Tooltip>
          )}
        </CopyButton>
      </dd>
    </>
  );
}
