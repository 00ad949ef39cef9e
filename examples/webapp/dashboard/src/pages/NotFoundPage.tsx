import { Button, Center, Stack, Text, Title } from '@mantine/core';
import { Link } from 'react-router';
import { useDocumentTitle } from '@mantine/hooks';

export function NotFoundPage() {
  useDocumentTitle('Not found · storeorch');
  return (
    <Center py={80}>
      <Stack align="center" gap="sm">
        <Title order={1} size="h2">
          Nothing here
        </Title>
        <Text c="dimmed">There is no page, and no store of yours, at this address.</Text>
        <Button component={Link} to="/" variant="default">
          All stores
        </Button>
      </Stack>
    </Center>
  );
}
