/**
 * Brings a migrated database to a shop that can sell; may run any number of times.
 *
 * `medusa exec ./src/scripts/setup.js` runs it, with these environment variables:
 * `MEDUSA_ADMIN_EMAIL`, `MEDUSA_ADMIN_PASSWORD`, `STORE_NAME`, `STORE_CURRENCY`, `STORE_COUNTRY`,
 * `STORE_SAMPLE_PRODUCT` (`true` or `false`), and `SETUP_REVISION`, under which servers that wait
 * for this run find it done.
 *
 * The shop's first data is made once in a database's life. From then on it belongs to the shop's
 * owner, who may rename, change and delete all of it.
 */

import type { ExecArgs } from "@medusajs/framework/types"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"

import { ensureAdmin } from "../setup/admin"
import { ensureSampleProduct } from "../setup/product"
import { SHOP, isDone, markDone, prepareProgress } from "../setup/progress"
import { ensureShop } from "../setup/shop"

function required(name: string): string {
  const value = process.env[name]
  if (!value) {
    throw new Error(`The environment variable ${name} is not set.`)
  }
  return value
}

export default async function setup({ container }: ExecArgs): Promise<void> {
  const logger = container.resolve(ContainerRegistrationKeys.LOGGER)
  await ensureAdmin(container, required("MEDUSA_ADMIN_EMAIL"), required("MEDUSA_ADMIN_PASSWORD"))

  await prepareProgress(container)
  if (!(await isDone(container, SHOP))) {
    const currency = required("STORE_CURRENCY").toLowerCase()
    const shop = await ensureShop(container, {
      name: required("STORE_NAME"),
      currency,
      country: required("STORE_COUNTRY").toLowerCase(),
    })
    if (required("STORE_SAMPLE_PRODUCT") === "true") {
      await ensureSampleProduct(container, shop, currency)
    }
    await markDone(container, SHOP)
    logger.info("The shop's first data is there.")
  }

  await markDone(container, required("SETUP_REVISION"))
  logger.info("The setup is done.")
}
