import { ScrubberError } from "@scrubber/core";
import type { S3Options } from "./options.ts";

const ENDPOINTS = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];

/**
 * The options with the server, and its region, that the environment names where they name none. The SDK would ask that server too, but then half of the store took
 * it for AWS. Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 *
 * @throws {ScrubberError} `SCRUBBER_PLUGIN_OPTIONS`: what the environment names is no URL.
 */
export function withEnvironment(options: S3Options, env: NodeJS.ProcessEnv): S3Options {
  if (options.endpoint !== undefined || env["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] === "true") return options;
  const name = ENDPOINTS.find((one) => (env[one] ?? "") !== "");
  const endpoint = name === undefined ? undefined : env[name];
  if (endpoint === undefined) return options;
  if (!URL.canParse(endpoint) || !/^https?:\/\/[^@?#]*$/i.test(endpoint)) {
    throw new ScrubberError("SCRUBBER_PLUGIN_OPTIONS", `${name} in the environment is no http or https URL`, {
      hint: "Correct it, unset it, or give the option endpoint, which goes before it.",
    });
  }
  return { ...options, endpoint, region: options.region ?? env["AWS_REGION"] };
}
