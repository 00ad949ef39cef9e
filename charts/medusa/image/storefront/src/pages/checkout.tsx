/** Checkout: who and where, then how, then the order. */

import { useState } from "react"
import { Link, useLocation } from "wouter"

import { type Cart, countItems, useCart, useForgetCart } from "../cart"
import { DeliveryForm } from "../parts/delivery-form"
import { DetailsForm } from "../parts/details-form"
import { Lines } from "../parts/lines"
import { Totals } from "../parts/price"
import { Failure, Loading, useTitle } from "../parts/status"
import { useShop } from "../shop"

export function CheckoutPage() {
  const { name } = useShop()
  const cart = useCart()
  useTitle("Checkout", name)

  if (cart.isError) {
    return <Failure error={cart.error} retry={() => void cart.refetch()} />
  }
  if (cart.isPending) {
    return <Loading what="your cart" />
  }
  if (cart.data === null || countItems(cart.data) === 0) {
    return (
      <section className="narrow">
        <h1>Checkout</h1>
        <p>
          Your cart is empty. <Link href="/">See all products</Link>
        </p>
      </section>
    )
  }
  return <CheckoutSteps cart={cart.data} />
}

function CheckoutSteps({ cart }: { cart: Cart }) {
  const [, navigate] = useLocation()
  const forget = useForgetCart()
  const [settled, setSettled] = useState(false)

  return (
    <>
      <h1>Checkout</h1>
      <div className="columns">
        <div>
          <section aria-labelledby="details">
            <h2 id="details">Contact and address</h2>
            {settled ? (
              <Settled cart={cart} change={() => setSettled(false)} />
            ) : (
              <DetailsForm cart={cart} onSaved={() => setSettled(true)} />
            )}
          </section>
          {settled && (
            <section aria-labelledby="delivery">
              <h2 id="delivery">Delivery and payment</h2>
              <DeliveryForm
                cart={cart}
                onOrdered={(order) => {
                  navigate(`/orders/${encodeURIComponent(order.id)}`)
                  forget()
                }}
              />
            </section>
          )}
        </div>
        <section className="summary" aria-label="Summary">
          <Lines lines={cart.items ?? []} currency={cart.currency_code} />
          <Totals of={cart} shipping={(cart.shipping_methods ?? []).length > 0} />
        </section>
      </div>
    </>
  )
}

function Settled({ cart, change }: { cart: Cart; change: () => void }) {
  const address = cart.shipping_address
  return (
    <div className="settled">
      <p>
        {cart.email}
        <br />
        {address?.first_name} {address?.last_name}, {address?.address_1}, {address?.postal_code}{" "}
        {address?.city}
      </p>
      <button type="button" className="link" onClick={change}>
        Change
      </button>
    </div>
  )
}
