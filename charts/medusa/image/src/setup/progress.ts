/**
 * What the setup has done so far, kept in the database it was done to.
 *
 * A database that is restored, or lost, so takes along what is known about it. Servers wait for
 * their revision in the table `storeorch_setup` with plain SQL (`files/wait-for-setup.sh` of the
 * chart).
 */

import type { MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"

/** Stands in the table for the shop's first data. */
export const SHOP = "shop"

const TABLE = "storeorch_setup"

/** Makes the table where it is not there. */
export async function prepareProgress(container: MedusaContainer): Promise<void> {
  await container.resolve(ContainerRegistrationKeys.PG_CONNECTION).raw(
    `CREATE TABLE IF NOT EXISTS ${TABLE} (
       part text PRIMARY KEY,
       done_at timestamptz NOT NULL DEFAULT now()
     )`,
  )
}

/** Tells whether a part is done; the database must have been prepared. */
export async function isDone(container: MedusaContainer, part: string): Promise<boolean> {
  const database = container.resolve(ContainerRegistrationKeys.PG_CONNECTION)
  const rows = await database(TABLE).where({ part })
  return rows.length > 0
}

/** Notes that a part is done. */
export async function markDone(container: MedusaContainer, part: string): Promise<void> {
  const database = container.resolve(ContainerRegistrationKeys.PG_CONNECTION)
  await database(TABLE).insert({ part }).onConflict("part").ignore()
}
