/** Says which bucket (where the host names it) and path a host and path mean on the configured server; undefined: another server. */
export type Addressing = (
  host: string,
  protocol: string,
  path: string,
) => { readonly bucket: string | undefined; readonly path: string } | undefined;

/** The place that AWS is. */
export const AWS = "s3:aws";
const AWS_HOST = /(?:^|\.)amazonaws\.com(\.cn)?$/;
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;
const AWS_S3 =
  /^(?:(.+)\.)?s3(?:-accelerate|-fips)?(?:[.-](?:dualstack\.|fips\.)?([a-z0-9-]+))?\.amazonaws\.com(\.cn)?$/;

/** `endpoint` undefined: AWS. `hosts`: other names of the same server. An endpoint of AWS has all of AWS's names in its partition (China's is another). */
export function createAddressing(endpoint: string | undefined, hosts: readonly string[]): Addressing {
  const url = endpoint === undefined ? undefined : new URL(endpoint);
  const own = url === undefined ? undefined : splitPort(url.host, url.protocol.slice(0, -1));
  const ownAws = own === undefined ? undefined : AWS_HOST.exec(own.host);
  const prefix = url === undefined ? "" : url.pathname.replace(/^\/+|\/+$/g, "");
  const names = hosts.map((host) => splitPort(host.toLowerCase(), ""));
  if (own !== undefined) names.push(own);
  const inPrefix = (path: string): string | undefined =>
    prefix === "" ? path : path.startsWith(`${prefix}/`) ? path.slice(prefix.length + 1) : undefined;
  return (authority, protocol, path) => {
    const { host, port } = splitPort(authority, protocol);
    for (const name of names) {
      if (name.port !== port) continue;
      if (host === name.host) {
        const rest = inPrefix(path);
        return rest === undefined ? undefined : { bucket: undefined, path: rest };
      }
      if (host.endsWith(`.${name.host}`)) return { bucket: host.slice(0, -name.host.length - 1), path };
    }
    if (port !== undefined || ownAws === null) return undefined;
    const aws = AWS_S3.exec(host);
    if (aws === null || (ownAws !== undefined && ownAws[1] !== aws[3])) return undefined;
    return { bucket: aws[1], path };
  };
}

/**
 * What buckets are relative to (`Store.place`). A server is its host, whatever the port: it may well answer on several. AWS is one, since a bucket's name is
 * taken for all of its regions.
 */
export function placeOf(endpoint: string | undefined): string {
  const host = endpoint === undefined ? undefined : splitPort(new URL(endpoint).hostname, "").host;
  if (host === undefined || AWS_HOST.test(host)) return AWS;
  return LOOPBACK.test(host) ? "s3:localhost" : `s3:${host}`;
}

/** The region that an endpoint of AWS is in, where its name tells it. */
export function awsRegionOf(endpoint: string): string | undefined {
  const region = AWS_S3.exec(splitPort(new URL(endpoint).hostname, "").host)?.[2];
  return region !== undefined && /-\d$/.test(region) ? region : undefined;
}

/** In lower case already. A port that goes without saying is none, and neither is the root's dot. */
function splitPort(authority: string, protocol: string): { readonly host: string; readonly port: string | undefined } {
  const [, host = "", port = ""] = /^(.*?)\.?(?::(\d*))?$/.exec(authority) ?? [];
  const usual = port === "" || (port === "80" && protocol !== "https") || (port === "443" && protocol !== "http");
  return { host, port: usual ? undefined : String(Number(port)) };
}
