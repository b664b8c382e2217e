/**
 * OpenStack Glance's registry API v1 (2014) as a registry.
 *
 * @packageDocumentation
 */
import { createCipher, defineRegistry, type Registry, type RegistryPlugin } from "@scrubber/core";
import * as v from "valibot";
import { fixedHeaders, keystone, type Authentication, type KeystoneLogin } from "./authentication.ts";
import { RegistryClient } from "./client.ts";
import { createHttpClient, type HttpClient } from "./http.ts";
import { HttpRegistry } from "./registry.ts";

const isHttpUrl = (text: string): boolean => {
  const url = URL.parse(text);
  return (
    url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" && url.search === ""
  );
};

const httpUrl = v.pipe(
  v.string(),
  v.check(isHttpUrl, "Write http://HOST:PORT or https://HOST:PORT, without credentials and without a query."),
);

const headerName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "This is no name of a header."));
const headerValue = v.pipe(v.string(), v.regex(/^[\t\u0020-\u007e]*$/, "A header holds printable ASCII only."));

/** What stands under `with`. Of `token`, `headers` and `keystone` one, or none where the registry asks nobody who they are. */
export interface Options {
  /** Where the registry is: `http://HOST:9191`. */
  readonly url: string;
  /** A token that is sent as it is, as `X-Auth-Token`. When it ends, the registry refuses everything: `keystone` logs in anew by itself. */
  readonly token?: string | undefined;
  /** What trusted authentication asks for: `X-User-Id`, `X-Tenant-Id`, `X-Roles`, `X-Identity-Status: Confirmed`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** A login with a password. */
  readonly keystone?: KeystoneLogin | undefined;
  /**
   * Keys for the locations that the registry holds (Glance's `metadata_encryption_key`), 16, 24 or 32 bytes each. Default: those of `encryption.keys`, if
   * any. Whatever the keys, locations in the clear are read too.
   */
  readonly keys?: readonly string[] | undefined;
}

const optionsSchema: v.GenericSchema<Options> = v.pipe(
  v.strictObject({
    url: httpUrl,
    token: v.optional(v.pipe(headerValue, v.minLength(1, "The token is empty."))),
    headers: v.optional(v.record(headerName, headerValue)),
    keystone: v.optional(
      v.strictObject({
        authUrl: httpUrl,
        username: v.pipe(v.string(), v.minLength(1)),
        password: v.string(),
        project: v.pipe(v.string(), v.minLength(1)),
        userDomain: v.optional(v.string()),
        projectDomain: v.optional(v.string()),
      }),
    ),
    keys: v.optional(
      v.pipe(
        v.array(
          v.pipe(
            v.string(),
            v.check((key) => [16, 24, 32].includes(Buffer.byteLength(key)), "A key is a text of 16, 24 or 32 bytes."),
          ),
        ),
        v.minLength(1, "Leave keys out, or name at least one."),
      ),
    ),
  }),
  v.check(
    ({ token, headers, keystone: login }) => [token, headers, login].filter((way) => way !== undefined).length <= 1,
    "Name one of token, headers and keystone, not several.",
  ),
);

/** The registry plugin. */
const plugin: RegistryPlugin<Options, Options> = defineRegistry<Options, Options>({
  name: "http",
  options: optionsSchema,
  async open(options, context): Promise<Registry> {
    const now = (): Date => context.now();
    const http = createHttpClient();
    const client = new RegistryClient(options.url, http, authenticationOf(options, http, now));
    return new HttpRegistry(client, {
      cipher: options.keys === undefined ? context.cipher : createCipher(options.keys),
      now,
    });
  },
});

export default plugin;

function authenticationOf(options: Options, http: HttpClient, now: () => Date): Authentication {
  if (options.keystone !== undefined) return keystone(options.keystone, http, now);
  if (options.token !== undefined) return fixedHeaders({ "x-auth-token": options.token });
  return fixedHeaders(options.headers ?? {});
}
