import { expect, test } from "vitest";
import { accountOf, placeOf } from "../src/account.ts";
import type { AzureOptionsInput } from "../src/options.ts";

const place = async (options: AzureOptionsInput): Promise<string> =>
  placeOf(await accountOf({ ...options, versions: "all", identity: "check", timeout: 1000 }));

const SAS = "sv=2021-12-02&sig=c2VjcmV0";

test.each<AzureOptionsInput>([
  { account: "images", accountKey: "c2VjcmV0" },
  { account: "images", sas: SAS, endpoint: "https://images.example.com" },
  { sas: SAS, endpoint: "https://images.blob.core.windows.net" },
  { sas: SAS, endpoint: "https://IMAGES.blob.core.windows.net.:443/" },
  { sas: SAS, endpoint: "https://images-secondary.blob.core.windows.net" },
  { sas: SAS, endpoint: "https://images.privatelink.blob.core.windows.net" },
  { sas: SAS, endpoint: "https://images.z12.blob.storage.azure.net" },
  { sas: SAS, endpoint: "http://127.0.0.1:10000/images" },
  {
    connectionString:
      "DefaultEndpointsProtocol=https;AccountName=images;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net",
  },
  { connectionString: `BlobEndpoint=https://images.blob.core.windows.net;SharedAccessSignature=${SAS}` },
])("one account is one place, whatever endpoint and credentials it is reached by (%#)", async (options) => {
  expect(await place(options)).toBe("azure:images");
});

test("another account is another place, and a name of one's own without an account is that host", async () => {
  expect(await place({ account: "photos", accountKey: "c2VjcmV0" })).toBe("azure:photos");
  expect(await place({ sas: SAS, endpoint: "https://blobs.example.com" })).toBe("azure:blobs.example.com");
});
