/** Where the server's doors are, from the one address that an application gives. No token is ever part of an address. */
import { TidelockError } from "@tidelock/core";

export interface ServerAddress {
  readonly websocket: string;
  readonly events: string;
  readonly reconcile: string;
  readonly presence: string;
  /** What the others begin with, for reading over HTTP. */
  readonly http: string;
}

/**
 * @param url `https://host/base`, or a path of the page's own origin
 * @param page the address of the page, if there is one
 * Throws `TidelockError` with `config-invalid`.
 */
export function serverAddress(url: string, page: string | undefined): ServerAddress {
  if (!URL.canParse(url, page)) throw new TidelockError("config-invalid", `url cannot be used: ${JSON.stringify(url)}`);
  const base = new URL(url, page);
  const isSecure = base.protocol === "https:" || base.protocol === "wss:";
  if (!isSecure && base.protocol !== "http:" && base.protocol !== "ws:") {
    throw new TidelockError("config-invalid", `url must begin with https: or http:, not ${base.protocol}`);
  }
  const rest = `://${base.host}${base.pathname.replace(/\/+$/, "")}/sync`;
  const http = `${isSecure ? "https" : "http"}${rest}`;
  return {
    websocket: `${isSecure ? "wss" : "ws"}${rest}`,
    events: `${http}/events`,
    reconcile: `${http}/reconcile`,
    presence: `${http}/presence`,
    http,
  };
}
