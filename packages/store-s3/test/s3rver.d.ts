/** What the tests use of s3rver, which has no types of its own. */
declare module "s3rver" {
  export default class S3rver {
    constructor(options: {
      readonly directory: string;
      readonly address: string;
      readonly port: number;
      readonly silent: boolean;
    });
    readonly httpServer: import("node:http").Server;
    run(): Promise<import("node:net").AddressInfo>;
  }
}
