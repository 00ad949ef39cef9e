/** The lines of a cart or an order. */

import type { HttpTypes } from "@medusajs/types"
import type { ReactNode } from "react"

import { Picture } from "./picture"
import { Price } from "./price"

type Line = HttpTypes.StoreCartLineItem | HttpTypes.StoreOrderLineItem

/**
 * A list of what is bought.
 *
 * @param lines The lines.
 * @param currency Code of the currency that they are priced in.
 * @param control Shown in each line, where the quantity can be changed.
 */
export function Lines<T extends Line>({
  lines,
  currency,
  control,
}: {
  lines: T[]
  currency: string
  control?: (line: T) => ReactNode
}) {
  return (
    <ul className="lines">
      {lines.map((line) => (
        <li key={line.id}>
          <Picture source={line.thumbnail} title={line.product_title ?? line.title} />
          <div>
            <p className="title">{line.product_title ?? line.title}</p>
            {line.variant_title && <p className="quiet">{line.variant_title}</p>}
            {control ? control(line) : <p className="quiet">Quantity {line.quantity}</p>}
          </div>
          <Price amount={line.subtotal} currency={currency} />
        </li>
      ))}
    </ul>
  )
}
