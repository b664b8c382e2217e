import { ScrubberError } from "@scrubber/core";
import type { HttpClient } from "./http.ts";

/** How the registry knows who asks. */
export interface Authentication {
  /** The headers of a request; may log in first. */
  headers(): Promise<Readonly<Record<string, string>>>;
  /** The registry refused these headers with 401. True: others may be better. */
  refused(headers: Readonly<Record<string, string>>): boolean;
}

/** Headers that never change: a token, what trusted authentication asks for, or none. */
export function fixedHeaders(headers: Readonly<Record<string, string>>): Authentication {
  return { headers: async () => headers, refused: () => false };
}

/** How to log in to Keystone. Domains are names; `Default` when left out. */
export interface KeystoneLogin {
  /** `http://HOST:5000/v3`, or without `/v3`. */
  readonly authUrl: string;
  readonly username: string;
  readonly password: string;
  readonly project: string;
  readonly userDomain?: string | undefined;
  readonly projectDomain?: string | undefined;
}

interface Session {
  readonly token: string;
  /** When to log in anew, by the scrubber's clock. */
  readonly renewAt: number;
}

/** Renewed when a tenth of a token's life is left, and at least this long before its end. */
const RENEW_BEFORE_MS = 60_000;
const TIMEOUT_MS = 30_000;

/**
 * Logs in with a password (Keystone's Identity API v3), when first needed, before a token ends, and when the registry refuses one. How long a token lives is
 * taken from its two times, so that Keystone's clock and this host's may differ.
 */
export function keystone(login: KeystoneLogin, http: HttpClient, now: () => Date): Authentication {
  let session: Session | undefined;
  let beginning: Promise<Session> | undefined;
  return {
    async headers() {
      if (session === undefined || now().getTime() >= session.renewAt) {
        // One login, however many requests wait for it; one that failed is tried again by the next.
        beginning ??= logIn(login, http, now).finally(() => (beginning = undefined));
        session = await beginning;
      }
      return { "x-auth-token": session.token };
    },
    refused(headers) {
      if (session?.token === headers["x-auth-token"]) session = undefined;
      return true;
    },
  };
}

async function logIn(login: KeystoneLogin, http: HttpClient, now: () => Date): Promise<Session> {
  const { authUrl, username, password, project, userDomain = "Default", projectDomain = "Default" } = login;
  const url = new URL(`${authUrl.replace(/\/+$/, "").replace(/\/v3$/, "")}/v3/auth/tokens`);
  const body = JSON.stringify({
    auth: {
      identity: {
        methods: ["password"],
        password: { user: { name: username, domain: { name: userDomain }, password } },
      },
      scope: { project: { name: project, domain: { name: projectDomain } } },
    },
  });
  const began = now().getTime();
  const answer = await http.ask({ method: "POST", url, headers: {}, body }, TIMEOUT_MS).catch((error: unknown) => {
    throw new ScrubberError(
      "SCRUBBER_REGISTRY_UNAVAILABLE",
      `Keystone at ${url.origin} does not answer: ${error instanceof Error ? error.message : String(error)}`,
      { hint: "See whether Keystone runs, and registry.with.keystone.authUrl is right." },
    );
  });
  if (answer.status === 401 || answer.status === 403) {
    throw new ScrubberError(
      "SCRUBBER_REGISTRY_DENIED",
      `Keystone at ${url.origin} refuses the login of ${username} to the project ${project} (${answer.status})`,
      { hint: "Check username, password, project, userDomain and projectDomain under registry.with.keystone." },
    );
  }
  const token = answer.headers["x-subject-token"];
  if (answer.status !== 201 || typeof token !== "string") {
    throw new ScrubberError(
      "SCRUBBER_REGISTRY_UNAVAILABLE",
      `Keystone at ${url.origin} answers ${answer.status}${answer.status === 201 ? " without a token" : ""}`,
      { hint: "registry.with.keystone.authUrl is the address of the Identity API v3: http://HOST:5000/v3." },
    );
  }
  const life = lifetimeMs(answer.body);
  return { token, renewAt: began + life - Math.max(life / 10, Math.min(RENEW_BEFORE_MS, life / 2)) };
}

function lifetimeMs(body: string): number {
  try {
    const { token } = JSON.parse(body) as { token: { issued_at: string; expires_at: string } };
    const life = Date.parse(token.expires_at) - Date.parse(token.issued_at);
    if (life >= 0) return life;
  } catch {
    // Falls through: a token of unknown life is asked for every time.
  }
  return 0;
}
