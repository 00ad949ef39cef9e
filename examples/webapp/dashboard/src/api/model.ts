/** The API's data under the names that the dashboard uses; `schema` is made from its document. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Store = Schemas['StoreOut'];
export type Status = Schemas['Status'];
export type Condition = Schemas['Condition'];
export type Fault = Schemas['Fault'];
export type StoreType = Schemas['TypeOut'];
export type StoreEvent = Schemas['EventOut'];
export type Session = Schemas['Me'];
export type Problem = Schemas['Problem'];
export type Credentials = Schemas['CredentialsOut'];
export type LogLine = Schemas['LogLineOut'];

/** The `data` of a message of the stream, which is no part of the document. */
export interface Change {
  /** What was written into a history; null where only the row changed. */
  event: StoreEvent | null;
  /** The store as it is now; null once it is gone. */
  store: Store | null;
}
