import { useElementSize } from '@mantine/hooks';
import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useLayoutEffect, useRef, useState } from 'react';
import type { Store, StoreType } from '../api/model';
import { type StoreActions, StoreCard } from './StoreCard';

const CARD_WIDTH = 340;
const GAP = 16;
const ROW_HEIGHT = 236;

export interface StoreGridProps extends StoreActions {
  stores: readonly Store[];
  types: ReadonlyMap<string, StoreType>;
}

/** The cards; only the rows near what is seen are in the page, however many stores there are. */
export function StoreGrid({ stores, types, ...actions }: StoreGridProps) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const list = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    setTop((list.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
  }, [width]);

  const columns = Math.max(1, Math.floor((width + GAP) / (CARD_WIDTH + GAP)));
  const rows = useWindowVirtualizer({
    count: Math.ceil(stores.length / columns),
    estimateSize: () => ROW_HEIGHT,
    gap: GAP,
    overscan: 3,
    scrollMargin: top,
    getItemKey: (row) => stores[row * columns]?.id ?? row,
  });

  return (
    <div ref={ref}>
      <div
        ref={list}
        role="list"
        aria-label="Stores"
        style={{ position: 'relative', height: rows.getTotalSize() }}
      >
        {width > 0 &&
          rows.getVirtualItems().map((row) => (
            <div
              key={row.key}
              ref={rows.measureElement}
              data-index={row.index}
              role="presentation"
              style={{
                position: 'absolute',
                insetInline: 0,
                top: 0,
                transform: `translateY(${row.start - top}px)`,
                display: 'grid',
                gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
                gap: GAP,
              }}
            >
              {stores.slice(row.index * columns, (row.index + 1) * columns).map((store, column) => (
                <div
                  key={store.id}
                  role="listitem"
                  aria-setsize={stores.length}
                  aria-posinset={row.index * columns + column + 1}
                >
                  <StoreCard store={store} type={types.get(store.type)} {...actions} />
                </div>
              ))}
            </div>
          ))}
      </div>
    </div>
  );
}
