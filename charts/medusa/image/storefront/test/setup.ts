/** Waits of the tests: long enough for a machine with more to do, and never waited out by a pass. */

import { configure } from "@testing-library/react"

configure({ asyncUtilTimeout: 30_000 })
