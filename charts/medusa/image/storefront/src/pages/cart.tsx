/** The cart. */

import { Link } from "wouter"

import { type Cart, countItems, setQuantity, useCart, useCartChange } from "../cart"
import { Lines } from "../parts/lines"
import { Totals } from "../parts/price"
import { QuantityField } from "../parts/quantity"
import { Failure, Loading, useTitle } from "../parts/status"
import { useShop } from "../shop"

export function CartPage() {
  const { name } = useShop()
  const cart = useCart()
  useTitle("Cart", name)

  if (cart.isError) {
    return <Failure error={cart.error} retry={() => void cart.refetch()} />
  }
  if (cart.isPending) {
    return <Loading what="your cart" />
  }
  if (cart.data === null || countItems(cart.data) === 0) {
    return (
      <section className="narrow">
        <h1>Cart</h1>
        <p>
          Your cart is empty. <Link href="/">See all products</Link>
        </p>
      </section>
    )
  }
  return <FullCart cart={cart.data} />
}

function FullCart({ cart }: { cart: Cart }) {
  const changing = useCartChange(setQuantity)
  return (
    <>
      <h1>Cart</h1>
      <div className="columns">
        <section aria-label="Items">
          <Lines
            lines={cart.items ?? []}
            currency={cart.currency_code}
            control={(line) => (
              <div className="line-control">
                <QuantityField
                  label={`Quantity of ${line.product_title ?? line.title}`}
                  value={line.quantity}
                  disabled={changing.isPending}
                  onChange={(quantity) =>
                    changing.mutate({ cartId: cart.id, lineId: line.id, quantity })
                  }
                />
                <button
                  type="button"
                  className="link"
                  disabled={changing.isPending}
                  onClick={() =>
                    changing.mutate({ cartId: cart.id, lineId: line.id, quantity: 0 })
                  }
                >
                  Remove
                </button>
              </div>
            )}
          />
          {changing.isError && <Failure error={changing.error} />}
        </section>
        <section className="summary" aria-label="Summary">
          <Totals of={cart} shipping={(cart.shipping_methods ?? []).length > 0} />
          <Link href="/checkout" className="button primary">
            Check out
          </Link>
        </section>
      </div>
    </>
  )
}
