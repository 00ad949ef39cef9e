import type { Status } from '../api/model';
import classes from './StatusBadge.module.css';

const LABELS: Record<Status | 'gone', string> = {
  provisioning: 'Provisioning',
  ready: 'Ready',
  updating: 'Updating',
  degraded: 'Degraded',
  failed: 'Failed',
  deleting: 'Deleting',
  gone: 'Gone',
};

export function StatusBadge({ status }: { status: Status | 'gone' }) {
  return (
    <span className={classes.badge} data-status={status}>
      <span className={classes.dot} aria-hidden />
      {LABELS[status]}
    </span>
  );
}
