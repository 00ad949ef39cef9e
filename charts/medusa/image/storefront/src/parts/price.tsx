/** An amount of money, and the table of amounts that a cart or an order comes to. */

import type { HttpTypes } from "@medusajs/types"

import { formatMoney } from "../money"

/** One amount; nothing where it is not known. */
export function Price({ amount, currency }: { amount?: number | null; currency: string }) {
  return <span className="price">{amount == null ? "–" : formatMoney(amount, currency)}</span>
}

type Summed = Pick<
  HttpTypes.StoreCart | HttpTypes.StoreOrder,
  "currency_code" | "item_subtotal" | "shipping_subtotal" | "discount_total" | "tax_total" | "total"
>

/**
 * What everything comes to.
 *
 * @param of A cart or an order.
 * @param shipping Whether the way of delivery is settled; before, its price is not known.
 */
export function Totals({ of, shipping }: { of: Summed; shipping: boolean }) {
  const currency = of.currency_code
  return (
    <dl className="totals">
      <dt>Items</dt>
      <dd>
        <Price amount={of.item_subtotal} currency={currency} />
      </dd>
      <dt>Delivery</dt>
      <dd>
        {shipping ? <Price amount={of.shipping_subtotal} currency={currency} /> : "at checkout"}
      </dd>
      {of.discount_total > 0 && (
        <>
          <dt>Discount</dt>
          <dd>
            <Price amount={-of.discount_total} currency={currency} />
          </dd>
        </>
      )}
      {of.tax_total > 0 && (
        <>
          <dt>Taxes</dt>
          <dd>
            <Price amount={of.tax_total} currency={currency} />
          </dd>
        </>
      )}
      <dt className="sum">Total</dt>
      <dd className="sum">
        <Price amount={of.total} currency={currency} />
      </dd>
    </dl>
  )
}
