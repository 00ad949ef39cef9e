/** An order that was placed. */

import { useQuery } from "@tanstack/react-query"
import { Link } from "wouter"

import { Lines } from "../parts/lines"
import { Totals } from "../parts/price"
import { Failure, Loading, useTitle } from "../parts/status"
import { useShop } from "../shop"

export function OrderPage({ id }: { id: string }) {
  const { api, name } = useShop()
  useTitle("Your order", name)
  const found = useQuery({
    queryKey: ["order", id],
    queryFn: async () => (await api.order.retrieve(id)).order,
  })

  if (found.isError) {
    return <Failure error={found.error} retry={() => void found.refetch()} />
  }
  if (found.isPending) {
    return <Loading what="your order" />
  }
  const order = found.data
  return (
    <section className="narrow">
      <h1>Thank you for your order</h1>
      <p>
        Order <strong>#{order.display_id}</strong> is placed. We write to{" "}
        <strong>{order.email}</strong> about payment and delivery.
      </p>
      <Lines lines={order.items ?? []} currency={order.currency_code} />
      <Totals of={order} shipping />
      <Link href="/" className="button">
        Continue shopping
      </Link>
    </section>
  )
}
