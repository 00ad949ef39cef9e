import { Modal, Skeleton } from '@mantine/core';
import { lazy, Suspense } from 'react';

// Forms and their rules are most of the dashboard's code, and few visits need them.
const CreateForm = lazy(async () => ({ default: (await import('./CreateForm')).CreateForm }));

export function CreateDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="New store" size={720}>
      <Suspense fallback={<Skeleton h={240} />}>
        <CreateForm onDone={onClose} />
      </Suspense>
    </Modal>
  );
}
