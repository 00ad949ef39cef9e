/** A page that is not there. */

import { Link } from "wouter"

import { useTitle } from "../parts/status"
import { useShop } from "../shop"

export function NotFoundPage() {
  const { name } = useShop()
  useTitle("Not found", name)
  return (
    <section className="narrow">
      <h1>Not found</h1>
      <p>
        There is nothing at this address. <Link href="/">See all products</Link>
      </p>
    </section>
  )
}
