import { Group, Text } from '@mantine/core';

export function Logo() {
  return (
    <Group gap={10} wrap="nowrap">
      <img src="/favicon.svg" width={26} height={26} alt="" />
      <Text fw={650} size="md" lts="-0.01em">
        storeorch
      </Text>
    </Group>
  );
}
