/** Products, their variants, and which variant a choice of options means. */

import type { HttpTypes } from "@medusajs/types"

export type Product = HttpTypes.StoreProduct
export type Variant = HttpTypes.StoreProductVariant

/** A value for each option, by the option's id. */
export type Choice = Readonly<Record<string, string>>

/** What a variant costs in the region asked for; null where it is not sold there. */
export function priceOf(variant: Variant): { amount: number; currency: string } | null {
  const amount = variant.calculated_price?.calculated_amount
  const currency = variant.calculated_price?.currency_code
  return amount == null || !currency ? null : { amount, currency }
}

/** The lowest price of a product, and whether its variants differ. */
export function lowestPrice(
  product: Product,
): { amount: number; currency: string; several: boolean } | null {
  const prices = (product.variants ?? []).map(priceOf).filter((price) => price !== null)
  const lowest = prices.reduce<(typeof prices)[number] | null>(
    (low, price) => (low === null || price.amount < low.amount ? price : low),
    null,
  )
  return lowest && { ...lowest, several: prices.some(({ amount }) => amount > lowest.amount) }
}

/** The choice that a variant stands for. */
export function choiceOf(variant: Variant): Choice {
  return Object.fromEntries(
    (variant.options ?? []).flatMap(({ option_id, value }) =>
      option_id ? [[option_id, value]] : [],
    ),
  )
}

/** The variant that a choice means; undefined while it means none. */
export function variantFor(product: Product, choice: Choice): Variant | undefined {
  return product.variants?.find((variant) => {
    const own = choiceOf(variant)
    return (product.options ?? []).every(({ id }) => own[id] === choice[id])
  })
}

/** Whether a variant can be bought now. */
export function isAvailable(variant: Variant): boolean {
  return (
    priceOf(variant) !== null &&
    (!variant.manage_inventory ||
      variant.allow_backorder === true ||
      (variant.inventory_quantity ?? 0) > 0)
  )
}
