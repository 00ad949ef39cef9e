/**
 * The customer's cart: kept by the server, its id by the browser.
 *
 * It must not know how carts are shown.
 */

import type { HttpTypes } from "@medusajs/types"
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query"
import { useCallback } from "react"

import { type Shop, useShop } from "./shop"

export type Cart = HttpTypes.StoreCart

const CART_KEY = "cart"

/** Asked for with each cart, so that all answers look alike. */
const FIELDS =
  "*items,*items.variant,*shipping_methods,*shipping_address,*payment_collection,*promotions"

const QUERY_KEY = ["cart"] as const

async function fetchCart({ api }: Shop): Promise<Cart | null> {
  const id = localStorage.getItem(CART_KEY)
  if (id === null) {
    return null
  }
  try {
    const { cart } = await api.cart.retrieve(id, { fields: FIELDS })
    if (!("completed_at" in cart && cart.completed_at)) {
      return cart
    }
  } catch (error) {
    // The server forgot it, or is another one than before; anything else may pass.
    if ((error as { status?: number }).status !== 404) {
      throw error
    }
  }
  localStorage.removeItem(CART_KEY)
  return null
}

/** The cart as it is now; null before anything was put into it. */
export function useCart() {
  const shop = useShop()
  return useQuery({ queryKey: QUERY_KEY, queryFn: () => fetchCart(shop) })
}

/** The number of pieces in a cart. */
export function countItems(cart: Cart | null | undefined): number {
  return (cart?.items ?? []).reduce((sum, { quantity }) => sum + quantity, 0)
}

/**
 * Changes the cart, one change after another, and shows what became of it.
 *
 * @param change Given the shop and what `mutate` was called with; answers with the cart's id.
 */
export function useCartChange<Input>(change: (shop: Shop, input: Input) => Promise<string>) {
  const shop = useShop()
  const queries = useQueryClient()
  return useMutation<void, Error, Input>({
    scope: { id: "cart" },
    mutationFn: async (input) => {
      const id = await change(shop, input)
      const { cart } = await shop.api.cart.retrieve(id, { fields: FIELDS })
      queries.setQueryData(QUERY_KEY, cart)
    },
  })
}

/** Puts a variant into the cart, and makes one where there is none. */
export async function addToCart(
  shop: Shop,
  { variantId, quantity }: { variantId: string; quantity: number },
): Promise<string> {
  let id = (await fetchCart(shop))?.id
  if (id === undefined) {
    const { cart } = await shop.api.cart.create({ region_id: shop.region.id })
    id = cart.id
    localStorage.setItem(CART_KEY, id)
  }
  await shop.api.cart.createLineItem(id, { variant_id: variantId, quantity })
  return id
}

/** Sets how many pieces of a line are wanted; none removes the line. */
export async function setQuantity(
  { api }: Shop,
  { cartId, lineId, quantity }: { cartId: string; lineId: string; quantity: number },
): Promise<string> {
  if (quantity > 0) {
    await api.cart.updateLineItem(cartId, lineId, { quantity })
  } else {
    await api.cart.deleteLineItem(cartId, lineId)
  }
  return cartId
}

/** Moves the cart to another region, whose prices and countries then hold. */
export async function moveToRegion(
  { api }: Shop,
  { cartId, regionId }: { cartId: string; regionId: string },
): Promise<string> {
  await api.cart.update(cartId, { region_id: regionId })
  return cartId
}

/** Forgets the cart once it has become an order. */
export function useForgetCart(): () => void {
  const queries = useQueryClient()
  return useCallback(() => {
    localStorage.removeItem(CART_KEY)
    queries.setQueryData(QUERY_KEY, null)
  }, [queries])
}
