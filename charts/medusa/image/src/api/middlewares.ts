/** Which of our own handlers stand before Medusa's routes. */

import { defineMiddlewares } from "@medusajs/framework/http"

import { storefront } from "../http/storefront"

export default defineMiddlewares({
  routes: [{ matcher: "/", middlewares: [storefront] }],
})
