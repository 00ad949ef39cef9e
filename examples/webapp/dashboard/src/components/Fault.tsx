import { Alert, Code, Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import classes from './Fault.module.css';
import type { Fault as FaultData } from '../api/model';

export interface FaultProps {
  fault: FaultData;
  failed: boolean;
  /** `alert` is read out at once. */
  role?: 'note' | 'alert';
}

/** Why a store is not as declared, what to do, and the number to quote. */
export function Fault({ fault, failed, role = 'note' }: FaultProps) {
  return (
    <Alert
      role={role}
      color={failed ? 'red' : 'orange'}
      variant="light"
      radius={12}
      classNames={{ root: failed ? classes.failed : classes.mild }}
      icon={<IconAlertTriangle aria-hidden />}
    >
      <Text size="sm" fw={600}>
        {fault.message}
      </Text>
      {typeof fault.hint === 'string' && <Text size="sm">{fault.hint}</Text>}
      {typeof fault.error_id === 'string' && (
        <Text size="xs" mt={4}>
          Error <Code fz="xs">{fault.error_id}</Code>
        </Text>
      )}
    </Alert>
  );
}
