/**
 * From a cart to an order: address, delivery, payment, completion.
 *
 * It must not know forms or pages.
 */

import type { HttpTypes } from "@medusajs/types"

import type { Cart } from "./cart"
import type { Shop } from "./shop"

export type Order = HttpTypes.StoreOrder

/** What a customer types in; fields that may stay empty are empty strings then. */
export interface Details {
  email: string
  first_name: string
  last_name: string
  address_1: string
  postal_code: string
  city: string
  province: string
  country_code: string
  phone: string
}

/**
 * Ways of paying that need nothing of the browser, by provider, as customers read them.
 *
 * A provider that wants the customer's card needs its own form here; it is not offered without.
 */
const PAYMENTS: Readonly<Record<string, string>> = {
  pp_system_default: "Pay later: the shop contacts you about the payment",
}

/** A way of paying that this storefront can offer. */
export interface Payment {
  providerId: string
  label: string
}

/** Keeps contact and address with the cart. */
export async function saveDetails(
  { api }: Shop,
  { cartId, details }: { cartId: string; details: Details },
): Promise<string> {
  const { email, ...address } = details
  await api.cart.update(cartId, { email, shipping_address: address, billing_address: address })
  return cartId
}

/** Ways to send the cart where it shall go. */
export async function deliveries({ api }: Shop, cart: Cart) {
  const { shipping_options } = await api.fulfillment.listCartOptions({ cart_id: cart.id })
  return shipping_options
}

/** Settles how the cart is sent. */
export async function chooseDelivery(
  { api }: Shop,
  { cartId, optionId }: { cartId: string; optionId: string },
): Promise<string> {
  await api.cart.addShippingMethod(cartId, { option_id: optionId })
  return cartId
}

/** Ways to pay that region and storefront both know. */
export async function payments({ api, region }: Shop): Promise<Payment[]> {
  const { payment_providers } = await api.payment.listPaymentProviders({ region_id: region.id })
  return payment_providers.flatMap(({ id }) => {
    const label = PAYMENTS[id]
    return label ? [{ providerId: id, label }] : []
  })
}

/**
 * Makes the cart an order.
 *
 * @throws Error The shop did not take the order; the message says why.
 */
export async function placeOrder(
  { api }: Shop,
  { cart, providerId }: { cart: Cart; providerId: string },
): Promise<Order> {
  await api.payment.initiatePaymentSession(cart, { provider_id: providerId })
  const answer = await api.cart.complete(cart.id)
  if (answer.type !== "order") {
    throw new Error(answer.error.message)
  }
  return answer.order
}
