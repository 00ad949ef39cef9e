import { Button, Center, Code, Paper, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { IconKey } from '@tabler/icons-react';
import { type SubmitEvent, useState } from 'react';
import { useForgetting } from '../api/queries';
import { setToken, useToken } from '../api/token';
import { Logo } from './Logo';

/** Asks for a token; the one that is at hand was refused, or there is none. */
export function TokenScreen() {
  useForgetting();
  const refused = useToken() !== null;
  const [typed, setTyped] = useState('');
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const token = typed.trim();
    if (token !== '') setToken(token);
  };
  return (
    <Center component="main" mih="100dvh" p="md">
      <Paper withBorder p="xl" radius="lg" w="100%" maw={420}>
        <form onSubmit={submit}>
          <Stack>
            <Logo />
            <div>
              <Title order={1} size="h3">
                Sign in
              </Title>
              <Text size="sm" c="dimmed">
                with a token of yours. An administrator makes one with{' '}
                <Code>python -m storeorch_webapp token create</Code>.
              </Text>
            </div>
            <PasswordInput
              label="Token"
              value={typed}
              onChange={(event) => {
                setTyped(event.currentTarget.value);
              }}
              error={refused ? 'This token is not valid, or no longer.' : null}
              leftSection={<IconKey size={16} aria-hidden />}
              autoComplete="off"
              spellCheck={false}
              visibilityToggleButtonProps={{ 'aria-label': 'Show the token', tabIndex: 0 }}
            />
            <Button type="submit" disabled={typed.trim() === ''}>
              Sign in
            </Button>
          </Stack>
        </form>
      </Paper>
    </Center>
  );
}
