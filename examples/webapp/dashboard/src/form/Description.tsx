import { Text } from '@mantine/core';
import type { DescriptionFieldProps } from '@rjsf/utils';

/** What a field is for, where its widget does not say so itself. */
export function Description({ id, description }: DescriptionFieldProps) {
  return (
    <Text id={id} size="xs" c="dimmed" mb={6}>
      {description}
    </Text>
  );
}
