/** Stores, types and events as the API tells of them. */
import type { Condition, Status, Store, StoreEvent, StoreType } from '../api/model';

const STEPS = ['namespace', 'release', 'workloads'] as const;
const CONDITIONS = ['NamespaceReady', 'ReleaseInstalled', 'WorkloadsReady'] as const;
const DECLARED = '2026-01-01T10:00:00.000000Z';

export function conditions(done: number, reason = 'WorkloadsNotReady'): Condition[] {
  return CONDITIONS.map((type, index) => ({
    type,
    status: index < done,
    reason: index < done ? 'Done' : index === done ? reason : 'Pending',
    message: index < done ? `${type} holds.` : 'It waits.',
    since: `2026-01-01T10:00:0${index + 1}.500000Z`,
  }));
}

export function store(changes: Partial<Store> = {}): Store {
  const name = changes.name ?? 'shirts';
  const status: Status = changes.status ?? 'ready';
  return {
    id: `id-of-${name}`,
    name,
    type: 'woocommerce',
    status,
    owner: 'alice',
    namespace: `store-${name}-12345678`,
    host: `${name}.local.test`,
    url: status === 'ready' ? `http://${name}.local.test` : null,
    helm_release: name,
    parameters: {},
    conditions: conditions(status === 'ready' ? 3 : 2),
    progress: 1,
    error_message: null,
    fault: null,
    attempts: 0,
    generation: 1,
    observed_generation: 1,
    created_at: DECLARED,
    declared_at: DECLARED,
    updated_at: DECLARED,
    ready_at: status === 'ready' ? '2026-01-01T10:00:30.000000Z' : null,
    ...changes,
  };
}

export const woocommerce: StoreType = {
  name: 'woocommerce',
  title: 'WooCommerce',
  description: 'WordPress with WooCommerce.',
  schema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      storage_class: {
        type: 'string',
        title: 'Storage Class',
        description: 'The class of ``every`` claim.',
        default: '',
        pattern: '^[a-z0-9-]*$',
      },
      mysql: { $ref: '#/$defs/Mysql', default: { image: 'mysql:8', replicas: 1 } },
    },
    $defs: {
      Mysql: {
        type: 'object',
        description: 'The database.',
        required: ['image'],
        properties: {
          image: { type: 'string', title: 'Image', default: 'mysql:8' },
          replicas: { type: 'integer', title: 'Replicas', minimum: 1, maximum: 5, default: 1 },
        },
      },
    },
  },
  steps: STEPS.map((name, index) => ({ name, condition: CONDITIONS[index] ?? name })),
};

/** A type that the dashboard has never heard of. */
export const kiosk: StoreType = {
  name: 'kiosk',
  title: 'Kiosk',
  description: 'Made by somebody else.',
  schema: {
    type: 'object',
    required: ['motto'],
    properties: {
      motto: { type: 'string', title: 'Motto', minLength: 3 },
      colour: { type: 'string', title: 'Colour', enum: ['red', 'blue'], default: 'blue' },
      open: { type: 'boolean', title: 'Open at night', default: false },
    },
  },
  steps: [{ name: 'build', condition: 'KioskBuilt' }],
};

export function event(changes: Partial<StoreEvent> = {}): StoreEvent {
  return {
    id: 1,
    store_id: 'id-of-shirts',
    store_name: 'shirts',
    at: DECLARED,
    kind: 'declared',
    reason: 'Created',
    message: 'The store shirts was declared.',
    actor: 'alice',
    step: null,
    status: null,
    duration: null,
    generation: 1,
    error_id: null,
    ...changes,
  };
}
