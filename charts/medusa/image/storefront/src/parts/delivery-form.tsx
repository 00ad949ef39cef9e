/** The form for delivery and payment, which ends in an order. */

import { useMutation, useQuery } from "@tanstack/react-query"
import { type FormEvent, useEffect, useState } from "react"

import { type Cart, useCartChange } from "../cart"
import { type Order, chooseDelivery, deliveries, payments, placeOrder } from "../checkout"
import { formatMoney } from "../money"
import { useShop } from "../shop"
import { Failure, Loading } from "./status"

export function DeliveryForm({
  cart,
  onOrdered,
}: {
  cart: Cart
  onOrdered: (order: Order) => void
}) {
  const shop = useShop()
  const offers = useQuery({
    queryKey: ["deliveries", cart.id, cart.shipping_address?.id],
    queryFn: () => deliveries(shop, cart),
  })
  const ways = useQuery({
    queryKey: ["payments", shop.region.id],
    queryFn: () => payments(shop),
  })
  const { mutate: choose, ...choosing } = useCartChange(chooseDelivery)
  const ordering = useMutation({
    mutationFn: (providerId: string) => placeOrder(shop, { cart, providerId }),
    onSuccess: onOrdered,
  })
  const [providerId, setProviderId] = useState<string | null>(null)

  const chosen = cart.shipping_methods?.[0]?.shipping_option_id ?? null
  const cheapest = offers.data?.toSorted((a, b) => a.amount - b.amount)[0]?.id
  const provider = providerId ?? ways.data?.[0]?.providerId

  // Most customers take the cheapest way; with it the total is known at once.
  useEffect(() => {
    if (chosen === null && cheapest) {
      choose({ cartId: cart.id, optionId: cheapest })
    }
  }, [chosen, cheapest, cart.id, choose])

  function order(event: FormEvent) {
    event.preventDefault()
    if (provider) {
      ordering.mutate(provider)
    }
  }

  if (offers.isError || ways.isError) {
    const failed = offers.isError ? offers : ways
    return (
      <Failure
        error={failed.error ?? new Error("Something went wrong.")}
        retry={() => void failed.refetch()}
      />
    )
  }
  if (offers.isPending || ways.isPending) {
    return <Loading what="ways of delivery" />
  }
  if (offers.data.length === 0) {
    return <p role="alert">The shop does not deliver to this address.</p>
  }
  if (ways.data.length === 0) {
    return <p role="alert">The shop takes no payment that works here.</p>
  }
  const busy = choosing.isPending || ordering.isPending
  return (
    <form className="fields" onSubmit={order}>
      <fieldset>
        <legend>Delivery</legend>
        {offers.data.map((offer) => (
          <label key={offer.id} className="option">
            <input
              type="radio"
              name="delivery"
              checked={chosen === offer.id}
              disabled={busy}
              onChange={() => choose({ cartId: cart.id, optionId: offer.id })}
            />
            <span>{offer.name}</span>
            <span className="price">{formatMoney(offer.amount, cart.currency_code)}</span>
          </label>
        ))}
      </fieldset>
      <fieldset>
        <legend>Payment</legend>
        {ways.data.map((way) => (
          <label key={way.providerId} className="option">
            <input
              type="radio"
              name="payment"
              checked={provider === way.providerId}
              disabled={busy}
              onChange={() => setProviderId(way.providerId)}
            />
            <span>{way.label}</span>
          </label>
        ))}
      </fieldset>
      {choosing.isError && <Failure error={choosing.error} />}
      {ordering.isError && <Failure error={ordering.error} />}
      <button type="submit" className="primary" disabled={busy || chosen === null}>
        {ordering.isPending ? "Placing your order…" : "Place order"}
      </button>
    </form>
  )
}
