/** Where the browser begins. */

import "./style.css"

import { StrictMode } from "react"
import { createRoot } from "react-dom/client"

import { App } from "./app"

const place = document.getElementById("shop")
if (place === null) {
  throw new Error("The page has no place for the shop.")
}
createRoot(place).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
