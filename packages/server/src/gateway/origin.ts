/**
 * Which web pages may connect. Tokens travel in messages and headers, never in cookies, so a page of another origin has
 * no rights to borrow; the rule keeps other sites from using the server with tokens they should not have.
 *
 * Without an `Origin` header (devices, services, curl) the rule does not apply. Pages of the server's own host may always
 * connect, and pages of this machine (localhost) to a server that was reached as localhost: that is development.
 */
export type Origins = "*" | readonly string[];

export function originAllowed(origins: Origins, origin: string | null, host: string | null): boolean {
  if (origin === null || origins === "*") return true;
  if (origins.includes(origin)) return true;
  if (host === null || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  if (page.host === host.toLowerCase()) return true;
  return isLoopback(page.hostname) && URL.canParse(`http://${host}`) && isLoopback(new URL(`http://${host}`).hostname);
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}
