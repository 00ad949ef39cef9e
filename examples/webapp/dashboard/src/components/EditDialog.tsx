import { Modal, Skeleton } from '@mantine/core';
import { lazy, Suspense } from 'react';
import type { Store, StoreType } from '../api/model';

const EditForm = lazy(async () => ({ default: (await import('./EditForm')).EditForm }));

export interface EditDialogProps {
  store: Store;
  type: StoreType;
  opened: boolean;
  onClose: () => void;
}

export function EditDialog({ store, type, opened, onClose }: EditDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={`Parameters of ${store.name}`} size={720}>
      <Suspense fallback={<Skeleton h={240} />}>
        <EditForm store={store} type={type} onDone={onClose} />
      </Suspense>
    </Modal>
  );
}
